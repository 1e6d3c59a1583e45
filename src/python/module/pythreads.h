/* pythreads.h: how many thread states the main interpreter has created, and the memory that holds threads' Python
 * frames.
 */
#ifndef SP_PYTHREADS_H
#define SP_PYTHREADS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

/* Return how many thread states have been created since the interpreter started, not counting those of
 * subinterpreters. Every thread that Python starts has one, even if the thread has since ended. Any interpreter may
 * call this. */
uint64_t sp_pythreads_made(void);

/* frame_chunks() -> bytes: two 64-bit words per chunk, its address and its size. Chunks come from Python's arena
 * allocator. They have 16 KiB or more, and exist for each thread of this interpreter. There are none before 3.11,
 * where frames are objects. */
PyObject *sp_pythreads_frame_chunks_with_gil(PyObject *module, PyObject *unused);

#endif
