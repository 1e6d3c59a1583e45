/* resident.h: how much of the large blocks of a snapshot is in memory, for Python.
 *
 * Threads: needs the GIL, and lets others have it while it measures.
 */
#ifndef SP_RESIDENT_H
#define SP_RESIDENT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "spprof.h"

/* The struct format of a block's serial number, and its resident and swapped bytes. */
#define SP_RESIDENT_FORMAT "=QQQ"

/* Bytes, SP_RESIDENT_FORMAT for each sample of at least SPPROF_LARGE_BLOCK bytes; SPPROF_NOT_KNOWN for both where that
 * one cannot be told. None: nothing is known of any. */
PyObject *sp_resident_blocks_with_gil(const spprof_sample *samples, size_t count);

#endif
