/* pools.h: measures the pools in which Python keeps small blocks (pymalloc): how much of them is in use and how much is
 * free.
 *
 *   arena:  [ pool | pool | pool | never used ]            256 KiB, or 1 MiB since 3.10
 *   pool:   [ header | block | block | free | never used ]   4 KiB, or 16 KiB; its header counts the blocks in use
 *
 * The interpreter's list of arenas has no exported name, so pools are recognised by their headers, among resident
 * pages: the first 48 bytes of a pool cannot be anything else. The fields are those of Objects/obmalloc.c in 3.9 to
 * 3.15, and are verified against a block allocated for this purpose.
 *
 * Memory:  buffers on the C stack, 48 KiB in all.
 * Threads: any. The GIL is released while pools are read. Changes made in the meantime make the sums differ by that
 *          much, and memory that has been unmapped is not read.
 * Signals: not in a handler. Fork: no state is kept.
 */
#ifndef SP_POOLS_H
#define SP_POOLS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* python_pools(ranges, most) -> (pools, used bytes, resident bytes, arenas) or None.
 *
 * ranges: a list of (start, end), ascending: the anonymous mappings that may contain arenas. used bytes: the bytes
 * of blocks in use, as pymalloc rounds them. resident bytes: the arenas' resident bytes. arenas: a bytes object with
 * two 64-bit words per arena, its start and its end. If there are more pools than `most`, only 1 in up to 16 is read
 * and represents its neighbours: pools and used bytes are then estimates. Returns None if small blocks do not come
 * from pymalloc (PYTHONMALLOC), or if the kernel does not permit reading the pools. */
PyObject *sp_pools_with_gil(PyObject *module, PyObject *arguments);

#endif
