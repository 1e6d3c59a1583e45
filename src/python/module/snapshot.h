/* snapshot.h: the live samples and the sums of their stacks at one moment, as Python objects (python/spprof/_engine.pyi
 * names their shapes).
 *
 *   samples, stacks ─► sums of each stack ─► fingerprint of each ─┬─ known: it has not changed, and is left out
 *                                                                 └─► sites, peaks, samples, blocks
 *
 * Threads: all need the GIL, and let others have it while they copy and add up; new references, NULL with an exception
 *          set.
 */
#ifndef SP_SNAPSHOT_H
#define SP_SNAPSHOT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

#include "spprof.h"

/* The struct format of spprof_sample. */
#define SP_SAMPLE_FORMAT "=QQQQIIQ"
/* A stack's id and what was live there at the peak of the process and of the window: spprof_sums each. */
#define SP_PEAK_FORMAT "=QQQQQddQQQQdd"
/* A stack's id, and a hash of all that a snapshot tells of it: it differs where anything does, but for one chance in
 * 2**64. */
#define SP_FINGERPRINT_FORMAT "=QQ"

/* What was allocated after the sample `after_serial` (0: all), but for stacks that are as `known` has them: bytes,
 * SP_FINGERPRINT_FORMAT each. */
PyObject *sp_snapshot_with_gil(uint64_t after_serial, PyObject *known, const char *native_mode);
/* Packed samples without those of these stacks, whose ids are packed as 64-bit integers. */
PyObject *sp_snapshot_without_with_gil(PyObject *packed, PyObject *stack_ids);

#endif
