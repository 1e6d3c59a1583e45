/* pycode.h: code objects and their copies in the engine's code table.
 *
 * A code object is copied when a frame that runs it is first seen. While the code object lives, its address identifies
 * it. When it is destroyed, the table forgets the address, so another code object at the same address never gets its
 * name or line. To notice this, PyCode_Type.tp_dealloc is wrapped, in the same way in all versions.
 *
 * Memory:  strings are read from the unicode objects and re-encoded as UTF-8 without creating objects.
 * Threads: any; a frame of the calling thread must keep the code object alive.
 */
#ifndef SP_PYCODE_H
#define SP_PYCODE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

/* Wrap PyCode_Type.tp_dealloc. Call this once, before the first sample is taken. Needs the main GIL; all
 * interpreters share the type. */
void sp_pycode_watch_with_gil(void);

/* Return the id of `code` in the engine's code table, or 0 if there is no room. */
uint32_t sp_pycode_id(PyCodeObject *code);

/* Like sp_pycode_id(), but for the address that an interrupted frame gives as its code, which may be anything. Return 0
 * if it is not a code object, or if there is no room; in that case *no_room is set.
 * Signals: safe. */
uint32_t sp_pycode_id_at(uintptr_t code, bool *no_room);

#endif
