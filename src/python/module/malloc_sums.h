/* malloc_sums.h: what malloc keeps, for Python. */
#ifndef SP_MALLOC_SUMS_H
#define SP_MALLOC_SUMS_H

#include <Python.h>

/* malloc_sums(places) -> dict or None: where malloc is not glibc's. places: a list of (start, size, whether it is the
 * kernel's heap), ascending. Keys and units: spprof_malloc_sums. The GIL is let go meanwhile. */
PyObject *sp_malloc_sums_with_gil(PyObject *module, PyObject *places);

/* malloc_said() -> (name, used, free, own) or None: bytes, where malloc is another's than libc's
 * (spprof_ask_malloc). The GIL is let go meanwhile. */
PyObject *sp_malloc_said_with_gil(PyObject *module, PyObject *unused);

/* chunk_sizes(addresses) -> bytes or None: where malloc is not glibc's. A "Q" for each, see spprof_chunk_sizes. The GIL
 * is let go meanwhile. */
PyObject *sp_chunk_sizes_with_gil(PyObject *module, PyObject *addresses);

/* own_extents() -> a list of (start, size, resident bytes) of the engine's own memory, ascending. The GIL is let go
 * meanwhile. */
PyObject *sp_own_extents_with_gil(PyObject *module, PyObject *unused);

/* resident_of(ranges) -> a list: how many bytes of each are in memory, 0 where that is not known. ranges: a list of
 * (start, end), ascending. The GIL is let go meanwhile. */
PyObject *sp_resident_of_with_gil(PyObject *module, PyObject *ranges);

/* list_text(measured) -> bytes or None: the kernel's list of mappings, maps or smaps. The GIL is let go meanwhile. */
PyObject *sp_list_text_with_gil(PyObject *module, PyObject *measured);

/* trim_malloc(): as malloc_trim(0). The GIL is let go meanwhile. */
PyObject *sp_trim_malloc_with_gil(PyObject *module, PyObject *unused);

#endif
