/* pools.h: the pools of Python's small blocks (pymalloc): what of them is in use, and what is free and kept.
 *
 *   arena:  [ pool | pool | pool | never used ]            256 KiB, or 1 MiB since 3.10
 *   pool:   [ header | block | block | free | never used ]   4 KiB, or 16 KiB; its header counts the blocks in use
 *
 * The interpreter's list of arenas has no exported name, so pools are known by their headers: of the pages that are in
 * memory those whose first 48 bytes can be nothing else. Fields are as in Objects/obmalloc.c of 3.9 to 3.15, and are
 * checked against a block that is made for it.
 *
 * Memory:  buffers on the C stack, 48 KiB in all.
 * Threads: any. The GIL is let go while pools are read: what changes meanwhile makes the sums differ by as much, and
 *          what is unmapped is not there (process_vm_readv tells).
 * Signals: not in a handler. Fork: nothing is kept.
 */
#ifndef SP_POOLS_H
#define SP_POOLS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* python_pools(ranges, most) -> (pools, used bytes, resident bytes, arenas) or None.
 *
 * ranges: a list of (start, end), ascending, the anonymous mappings in which arenas may lie. used bytes: of blocks that
 * are in use, as pymalloc rounds them. resident bytes: of the arenas, in memory. arenas: bytes, two words of 64 bits
 * for each, where it starts and ends. Where there is room for more pools than `most`, one in up to 16 is read and
 * stands for its neighbours: pools and used bytes are estimates then. None: small blocks are not pymalloc's
 * (PYTHONMALLOC), or the kernel lets nobody read them. */
PyObject *sp_pools_with_gil(PyObject *module, PyObject *arguments);

#endif
