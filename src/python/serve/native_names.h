/* native_names.h: the functions of native frames, read from their objects' files, in a batch.
 *
 *   add, add, … ─► sort: each frame once ─► one pass over the symbols of each object ─► find
 *
 * Names stay as the linker knows them: those of C++ are mangled. The demangler is the C++ runtime's and allocates, with
 * a malloc whose lock the program may be stuck with.
 *
 * Memory:  mapped; all zeros is empty. Threads: one at a time, without the GIL and without the loader.
 * Signals: not in a handler. errno: left alone.
 * Full:    what finds no room, or whose file cannot be read, has no name.
 */
#ifndef SP_NATIVE_NAMES_H
#define SP_NATIVE_NAMES_H

#include "buffer.h"
#include "spprof.h"

typedef struct sp_native_names {
    sp_buffer frames;    /* of sp_native_name; sorted when learned */
    sp_buffer functions; /* the functions' names, one behind the other */
} sp_native_names;

typedef struct sp_native_name {
    uint64_t frame;
    uint64_t in_file;         /* its return address, without the object's base */
    uint64_t start;           /* of the function */
    size_t name, name_length; /* in `functions`; no length: no function is known */
    uint32_t module;          /* + 1, see spprof_module_get; 0: none */
} sp_native_name;

void sp_native_names_add(sp_native_names *names, uint64_t frame);
void sp_native_names_learn(sp_native_names *names);
/* NULL: it was not added. */
const sp_native_name *sp_native_names_find(const sp_native_names *names, uint64_t frame);
void sp_native_names_free(sp_native_names *names);

#endif
