/* family.h: information that the processes of one run exchange, in memory that they share.
 *
 *      the first process ── fork ──► worker ── exec ──► another program ── fork ──► helper
 *              │                       │                      │                       │
 *   records:   [ 4711 wrote 33 MiB ] [ 4712 wrote … ] [ 4712 runs … ] [ 4713 runs ] …    each adds its own, and
 *                                                                                        changes only that
 *
 * Forked processes inherit the memory. Other processes join it through the first process's door, which consists of its
 * pid, a number (on Linux, a descriptor of the memory), and a random mark. When the first process ends, it reads the
 * records and reports which file belongs to which process. family_memory.h says how each system keeps the memory.
 *
 * Memory:  one MAP_SHARED mapping, of which only the pages of used records are resident. It is never unmapped, and
 *          cannot shrink, so touching it raises no SIGBUS.
 * Threads: any, with the GIL of its process; several processes may call these functions at the same time. A record
 *          belongs to one process, which writes its state last (release); the reader reads that first (acquire).
 * Signals: none of these functions may be called from a handler.
 * Fork:    a child has the mapping until it calls exec, even if it closes its descriptors.
 * Full:    records beyond FAMILY_RECORDS are counted and lost.
 */
#ifndef SP_FAMILY_H
#define SP_FAMILY_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* family_open(mark) -> bool: create the memory, unless this process already has it. Returns False if it cannot be
 * mapped. mark: a random int, whose low 64 bits are kept. */
PyObject *sp_family_open_with_gil(PyObject *module, PyObject *mark);

/* family_door() -> (number, mark): the values that other programs need to find the memory that this process's
 * family_open created. The number is -1 if others cannot find it, for example if the kernel does not have memfd_create
 * (before Linux 3.17) or no descriptor was available. */
PyObject *sp_family_door_with_gil(PyObject *module, PyObject *unused);

/* family_join(pid, number, mark) -> bool: map that process's memory, unless this process already has some. Returns
 * False if the process has ended or belongs to another user, or if the memory is no longer there. Opens only memory of
 * ours. */
PyObject *sp_family_join_with_gil(PyObject *module, PyObject *arguments);

/* family_is_there() -> bool: whether a program that starts now would find the memory. Programs may close descriptors
 * that they did not open, and the first process may have ended. */
PyObject *sp_family_is_there_with_gil(PyObject *module, PyObject *unused);

/* family_hand_over(): this is the first process, and it is about to call exec: let the next program find the memory
 * under the same pid. */
PyObject *sp_family_hand_over_with_gil(PyObject *module, PyObject *unused);

/* family_add(state, value, text) -> int: add a record for the calling process. Returns its number, or -1 if there is
 * no room. state: 1 to 255. text: bytes, of which the first FAMILY_TEXT are kept. */
PyObject *sp_family_add_with_gil(PyObject *module, PyObject *arguments);

/* family_set(number, state, value): change a record. Does nothing for -1. */
PyObject *sp_family_set_with_gil(PyObject *module, PyObject *arguments);

/* family_records() -> (records, lost): (pid, state, value, text) for each record, in the order in which they were
 * added, and the number of records lost. Once the first process has called this, programs may no longer find the
 * memory. */
PyObject *sp_family_records_with_gil(PyObject *module, PyObject *unused);

#endif
