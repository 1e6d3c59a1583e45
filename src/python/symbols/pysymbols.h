/* pysymbols.h: symbols of native addresses, for python/spprof/symbols.py (_engine.pyi documents the shapes).
 *
 * Threads: all need the GIL, and release it while files are read. New references, NULL with an exception set.
 * Memory:  temporary allocations are the profiler's own and are not sampled (aside.h); Python's objects are.
 */
#ifndef SP_PYSYMBOLS_H
#define SP_PYSYMBOLS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

/* Return (start, end, base, generation, path, build_id) for every object seen in a stack. */
PyObject *sp_pysymbols_modules_with_gil(PyObject *module, PyObject *unused);

/* symbols(path, build_id, addresses): return the functions of a file that contain the ascending addresses. */
PyObject *sp_pysymbols_find_with_gil(PyObject *module, PyObject *arguments);

/* Return an address inside the interpreter. */
PyObject *sp_pysymbols_interpreter_with_gil(PyObject *module, PyObject *unused);

/* Allocate zeroed bytes that are not sampled and must be freed with PyMem_RawFree. Return NULL with an exception
 * set. */
void *sp_pysymbols_allocate_with_gil(size_t count, size_t size);

/* Return the numbers in a sequence, in memory from sp_pysymbols_allocate_with_gil(). */
uint64_t *sp_pysymbols_numbers_with_gil(PyObject *sequence, size_t *count);

#endif
