/* convert.h: what the engine recorded, as Python objects (python/spprof/_engine.pyi names their shapes).
 *
 * Threads: all need the GIL; new references, NULL with an exception set.
 */
#ifndef SP_CONVERT_H
#define SP_CONVERT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#include "spprof.h"

PyObject *sp_convert_stats_with_gil(const char *native_mode);
/* The same of counters that were read before. */
PyObject *sp_convert_counters_with_gil(const spprof_stats *stats, const char *native_mode);
/* The processes in which samples were born, by birth. */
PyObject *sp_convert_processes_with_gil(void);
/* A stack's words, as the engine keeps them. */
PyObject *sp_convert_stack_with_gil(uint64_t stack_id);
/* Of the native ones among a stack's words: how many there are, whether they end too early, and the outermost, 0 for
 * none. */
PyObject *sp_convert_native_part_with_gil(const char *words, Py_ssize_t bytes, int truncated);

/* All stacks of the engine at one moment, in the order of their slots. */
typedef struct sp_stacks_copy {
    spprof_site *sites;
    uint64_t *frames;
    size_t count;
} sp_stacks_copy;
/* Between spprof_keep_stacks and spprof_let_stacks_go; False with MemoryError. */
bool sp_stacks_copy_with_gil(sp_stacks_copy *copy, bool logged);
void sp_stacks_copy_free(sp_stacks_copy *copy);
/* The words of one of them, as bytes. */
PyObject *sp_convert_words_with_gil(const sp_stacks_copy *copy, const spprof_site *site);
/* What the word of an interpreted frame says. */
PyObject *sp_convert_code_with_gil(uint64_t word);

#endif
