/* convert.h: converts the engine's records to Python objects (python/spprof/_engine.pyi documents their shapes).
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
/* Like sp_convert_stats_with_gil(), but for counters that were read earlier. */
PyObject *sp_convert_counters_with_gil(const spprof_stats *stats, const char *native_mode);
/* Convert the processes in which samples were taken, indexed by birth number. */
PyObject *sp_convert_processes_with_gil(void);
/* Convert a stack's words, as the engine stores them. */
PyObject *sp_convert_stack_with_gil(uint64_t stack_id);
/* Summarise the native frames among a stack's words: how many there are, whether they are truncated, and the
 * outermost word (0: none). */
PyObject *sp_convert_native_part_with_gil(const char *words, Py_ssize_t bytes, int truncated);

/* All stacks of the engine at one point in time, in slot order. */
typedef struct sp_stacks_copy {
    spprof_site *sites;
    uint64_t *frames;
    size_t count;
} sp_stacks_copy;
/* Copy the stacks. Call this between spprof_keep_stacks and spprof_let_stacks_go. Return false with MemoryError set. */
bool sp_stacks_copy_with_gil(sp_stacks_copy *copy, bool logged);
void sp_stacks_copy_free(sp_stacks_copy *copy);
/* Return the words of one of the stacks as bytes. */
PyObject *sp_convert_words_with_gil(const sp_stacks_copy *copy, const spprof_site *site);
/* Return the function, file and line of an interpreted frame's word. */
PyObject *sp_convert_code_with_gil(uint64_t word);

#endif
