/* pycode.h: code objects and their copies in the engine's code table.
 *
 * A code object is copied when a frame of it is first seen. While it lives its address names it; when it is destroyed
 * the table forgets the address (PyCode_Type.tp_dealloc is wrapped, in every version alike), so another code object at
 * the same address never lends its name or line to it.
 *
 * Memory:  strings are read from the unicode objects and re-encoded as UTF-8 without creating objects.
 * Threads: any; the code object must be kept alive by a frame of the calling thread.
 */
#ifndef SP_PYCODE_H
#define SP_PYCODE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

/* Wraps PyCode_Type.tp_dealloc, once. Before the first sample is taken; with the main GIL. The type
 * is every interpreter's. */
void sp_pycode_watch_with_gil(void);

/* The id of `code` in the engine's code table; 0: no room. */
uint32_t sp_pycode_id(PyCodeObject *code);

/* The same for what an interrupted frame says is code, which may be anything. 0: it is none, or, with *no_room, as
 * above.
 * Signals: safe. */
uint32_t sp_pycode_id_at(uintptr_t code, bool *no_room);

#endif
