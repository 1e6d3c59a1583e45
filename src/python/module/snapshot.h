/* snapshot.h: the live samples and the sums of their stacks at one point in time, as Python objects
 * (python/spprof/_engine.pyi documents their shapes).
 *
 *   samples, stacks ─► sums of each stack ─► fingerprint of each ─┬─ known: it has not changed, and is left out
 *                                                                 └─► sites, peaks, samples, blocks
 *
 * Threads: all need the GIL, and release it while they copy and add up; new references, NULL with an exception set.
 */
#ifndef SP_SNAPSHOT_H
#define SP_SNAPSHOT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

#include "spprof.h"

/* The struct format of spprof_sample. */
#define SP_SAMPLE_FORMAT "=QQQQIIQ"
/* The struct format of a stack's id and what was live there at the peaks of the process and of the window: one
 * spprof_sums for each. */
#define SP_PEAK_FORMAT "=QQQQQddQQQQdd"
/* The struct format of a stack's id, a hash of everything that a snapshot reports about it (a change goes unnoticed
 * with probability 2**-64), and the number of the snapshot that first had that hash. */
#define SP_FINGERPRINT_FORMAT "=QQq"

/* The data that a caller has from earlier snapshots, if it wants only the changes. */
typedef struct sp_snapshot_known {
    const char *fingerprints; /* from the last snapshot, one SP_FINGERPRINT_FORMAT each */
    size_t count;
    int64_t since;  /* leave out stacks unchanged since the snapshot with this number; -1: none */
    int64_t number; /* the number of this snapshot */
} sp_snapshot_known;

/* Return the memory allocated after the sample `after_serial` (0: all of it), without the stacks to be left out. */
PyObject *sp_snapshot_with_gil(uint64_t after_serial, const sp_snapshot_known *known, const char *native_mode);
/* Return the packed samples without the samples of these stacks, whose ids are packed as 64-bit integers. */
PyObject *sp_snapshot_without_with_gil(PyObject *packed, PyObject *stack_ids);

#endif
