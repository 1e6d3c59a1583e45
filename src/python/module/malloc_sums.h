/* malloc_sums.h: measurements of malloc's memory, for Python. All functions release the GIL while they measure. */
#ifndef SP_MALLOC_SUMS_H
#define SP_MALLOC_SUMS_H

#include <Python.h>

/* malloc_sums(places) -> dict, or None if malloc is not glibc's. places: a list of (start, size, whether it is the
 * kernel's heap), ascending. Keys and units are those of the struct spprof_malloc_sums. */
PyObject *sp_malloc_sums_with_gil(PyObject *module, PyObject *places);

/* malloc_said() -> (name, used, free, own) in bytes, or None if malloc is glibc's or unknown (spprof_ask_malloc). */
PyObject *sp_malloc_said_with_gil(PyObject *module, PyObject *unused);

/* chunk_sizes(addresses) -> bytes, one "Q" per address (see spprof_chunk_sizes), or None if malloc is not glibc's. */
PyObject *sp_chunk_sizes_with_gil(PyObject *module, PyObject *addresses);

/* own_extents() -> a list of (start, size, resident bytes) of the engine's own memory, ascending. */
PyObject *sp_own_extents_with_gil(PyObject *module, PyObject *unused);

/* resident_of(ranges) -> a list of each range's resident bytes, 0 if unknown. ranges: a list of (start, end),
 * ascending. */
PyObject *sp_resident_of_with_gil(PyObject *module, PyObject *ranges);

/* list_text(measured) -> bytes or None: the kernel's list of mappings, which is smaps if `measured` is true, else
 * maps. */
PyObject *sp_list_text_with_gil(PyObject *module, PyObject *measured);

/* trim_malloc(): return free memory to the system, like malloc_trim(0). */
PyObject *sp_trim_malloc_with_gil(PyObject *module, PyObject *unused);

#endif
