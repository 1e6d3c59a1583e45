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
/* A stack's id, a hash of all that a snapshot tells of it, which differs where anything does but for one chance in
 * 2**64, and the number of the snapshot that first had that hash. */
#define SP_FINGERPRINT_FORMAT "=QQq"

/* What is known of earlier snapshots by whoever wants only what has changed. */
typedef struct sp_snapshot_known {
    const char *fingerprints; /* of the last one: SP_FINGERPRINT_FORMAT each */
    size_t count;
    int64_t since;  /* stacks are left out that have not changed after the snapshot of this number; -1: none */
    int64_t number; /* this snapshot's own */
} sp_snapshot_known;

/* What was allocated after the sample `after_serial` (0: all), but for stacks that are left out. */
PyObject *sp_snapshot_with_gil(uint64_t after_serial, const sp_snapshot_known *known, const char *native_mode);
/* Packed samples without those of these stacks, whose ids are packed as 64-bit integers. */
PyObject *sp_snapshot_without_with_gil(PyObject *packed, PyObject *stack_ids);

#endif
