/* resident.h: how much of the large blocks and mappings is resident, for Python.
 *
 * Threads: needs the GIL, and releases it while measuring.
 */
#ifndef SP_RESIDENT_H
#define SP_RESIDENT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "spprof.h"

/* The struct format of a block's serial number, and its resident and swapped bytes. */
#define SP_RESIDENT_FORMAT "=QQQ"

/* Return bytes, one SP_RESIDENT_FORMAT for each sample of at least SPPROF_LARGE_BLOCK bytes, with SPPROF_NOT_KNOWN
 * for both numbers if they are unknown. Return None if they are unknown for all blocks. */
PyObject *sp_resident_blocks_with_gil(const spprof_sample *samples, size_t count);

/* The struct format of a mapping and the kernel's data about it: address, size, resident and swapped bytes, stack
 * id, time, probability, thread, kind, and the index of its path. */
#define SP_MAPPED_FORMAT "=QQQQQqdIII4x"
#define SP_NO_PATH UINT32_MAX

/* measured(packed mappings) -> (bytes with one SP_MAPPED_FORMAT per mapping, paths). Mapped files that are not among
 * the given mappings are added, with stack id 0. */
PyObject *sp_resident_mappings_with_gil(PyObject *module, PyObject *packed);
/* thread_name(thread id) -> the thread's name in the kernel, or "" if there is no such thread. */
PyObject *sp_resident_thread_name_with_gil(PyObject *module, PyObject *thread_id);

/* thread_ids() -> a list of the kernel's ids of all threads; empty if they are unknown. */
PyObject *sp_resident_thread_ids_with_gil(PyObject *module, PyObject *unused);

#endif
