/* family.h: what the processes of one run tell one another, in memory that they share.
 *
 *      the first process ── fork ──► worker ── exec ──► another program ── fork ──► helper
 *              │                       │                      │                       │
 *   records:   [ 4711 wrote 33 MiB ] [ 4712 wrote … ] [ 4712 runs … ] [ 4713 runs ] …    each adds its own, and
 *                                                                                        changes that alone
 *
 * Forked processes have the memory; others join it by what the first one calls its door: its pid, a descriptor of it
 * that the memory has (memfd_create), and a random mark. The first process reads the records when it ends, and says
 * which file is whose.
 *
 * Memory:  one mapping, MAP_SHARED, of which only the pages of records in use are resident. It is never unmapped, and
 *          cannot be made smaller (F_SEAL_SHRINK), so touching it raises no SIGBUS.
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

/* family_open(mark) -> bool: makes the memory, unless this process has some; False: there is none to be mapped. mark:
 * an int, of which 64 bits are kept, drawn at random. */
PyObject *sp_family_open_with_gil(PyObject *module, PyObject *mark);

/* family_door() -> (descriptor, mark): where other programs find the memory of this process, which family_open made.
 * The descriptor is -1 where the kernel knows no memfd_create (before Linux 3.17), or none was to spare. */
PyObject *sp_family_door_with_gil(PyObject *module, PyObject *unused);

/* family_join(pid, descriptor, mark) -> bool: has the memory of that process, unless this process has some. False: it
 * has ended, is another user's, or the descriptor is another file by now; nothing but memory of ours is opened. */
PyObject *sp_family_join_with_gil(PyObject *module, PyObject *arguments);

/* family_add(state, value, text) -> int: a record of the calling process; its number, or -1 where there is no room.
 * state: 1 to 255. text: bytes, of which the first FAMILY_TEXT are kept. */
PyObject *sp_family_add_with_gil(PyObject *module, PyObject *arguments);

/* family_set(number, state, value): changes a record. Nothing happens for -1. */
PyObject *sp_family_set_with_gil(PyObject *module, PyObject *arguments);

/* family_records() -> (records, lost): (pid, state, value, text) of each record, in the order in which they were added,
 * and how many found no room. */
PyObject *sp_family_records_with_gil(PyObject *module, PyObject *unused);

#endif
