/* pysymbols.h: what is known of native addresses, for python/spprof/symbols.py (_engine.pyi names the shapes).
 *
 * Threads: all need the GIL, and let go of it while files are read. New references, NULL with an exception set.
 * Memory:  what is allocated on the way is the profiler's own and not sampled (aside.h); Python's objects are.
 */
#ifndef SP_PYSYMBOLS_H
#define SP_PYSYMBOLS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

/* (start, end, base, generation, path, build_id) of every object that was seen in a stack. */
PyObject *sp_pysymbols_modules_with_gil(PyObject *module, PyObject *unused);

/* symbols(path, build_id, addresses): the functions of a file that cover ascending addresses. */
PyObject *sp_pysymbols_find_with_gil(PyObject *module, PyObject *arguments);

/* An address inside of the interpreter. */
PyObject *sp_pysymbols_interpreter_with_gil(PyObject *module, PyObject *unused);

/* Zeroed bytes that are not sampled, to be freed with PyMem_RawFree; NULL with an exception set. */
void *sp_pysymbols_allocate_with_gil(size_t count, size_t size);

/* The numbers of a sequence, allocated like that. */
uint64_t *sp_pysymbols_numbers_with_gil(PyObject *sequence, size_t *count);

#endif
