/* family.h: what the processes of one run tell one another, in memory that they share by fork.
 *
 *      the first process ── fork ──► worker ── fork ──► helper
 *              │                       │                  │
 *   records:   [ 4711 wrote 33 MiB ] [ 4712 wrote … ] [ 4713 runs ] …         each adds its own, and changes that alone
 *
 * The first process reads them when it ends, and says which file is whose.
 *
 * Memory:  one mapping, MAP_SHARED, of which only the pages of records in use are resident. It is never unmapped.
 * Threads: any, with the GIL of its process; processes at the same time. A record is one process's, which writes its
 *          state last (release); the reader reads that first (acquire).
 * Signals: none of these functions may be called from a handler.
 * Fork:    a child has the mapping, whatever it does to its descriptors. An exec ends that.
 * Full:    records beyond FAMILY_RECORDS are counted, and lost.
 */
#ifndef SP_FAMILY_H
#define SP_FAMILY_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* family_open() -> bool: makes the memory, once; False: there is none to be mapped. */
PyObject *sp_family_open_with_gil(PyObject *module, PyObject *unused);

/* family_add(state, value, text) -> int: a record of the calling process; its number, or -1 where there is no room.
 * state: 1 to 255. text: bytes, of which the first FAMILY_TEXT are kept. */
PyObject *sp_family_add_with_gil(PyObject *module, PyObject *arguments);

/* family_set(number, state, value): changes a record. Nothing happens for -1. */
PyObject *sp_family_set_with_gil(PyObject *module, PyObject *arguments);

/* family_records() -> (records, lost): (pid, state, value, text) of each record, in the order in which they were added,
 * and how many found no room. */
PyObject *sp_family_records_with_gil(PyObject *module, PyObject *unused);

#endif
