/* pythreads.h: how many thread states the main interpreter has made; where threads keep frames of Python's calls. */
#ifndef SP_PYTHREADS_H
#define SP_PYTHREADS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

/* Since it began, without those of subinterpreters. A thread that Python starts has one, also if it has ended. Any
 * interpreter may ask. */
uint64_t sp_pythreads_made(void);

/* frame_chunks() -> bytes: of each chunk two words of 64 bits, its address and its size. They are of Python's arena
 * allocator, 16 KiB or more, for each thread of this interpreter; none before 3.11, where frames are objects. */
PyObject *sp_pythreads_frame_chunks_with_gil(PyObject *module, PyObject *unused);

#endif
