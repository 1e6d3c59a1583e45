/* native_names.h: finds the functions of native frames in their objects' files, in a batch.
 *
 *   add, add, … ─► sort: each frame once ─► one pass over the symbols of each object ─► find
 *
 * Names stay as the linker knows them: C++ names are mangled. The C++ runtime's demangler allocates with malloc, whose
 * lock may be the one that the program is stuck on.
 *
 * Memory:  mapped; a struct of all zeros is empty. Threads: one at a time, without the GIL and without the loader.
 * Signals: not in a handler. errno: left alone.
 * Full:    frames for which there is no room, or whose file cannot be read, have no name.
 */
#ifndef SP_NATIVE_NAMES_H
#define SP_NATIVE_NAMES_H

#include "buffer.h"
#include "spprof.h"

typedef struct sp_native_names {
    sp_buffer frames;    /* an array of sp_native_name, sorted by sp_native_names_learn */
    sp_buffer functions; /* the functions' names, concatenated */
} sp_native_names;

typedef struct sp_native_name {
    uint64_t frame;
    uint64_t in_file;         /* the return address without the object's base */
    uint64_t start;           /* start of the function */
    size_t name, name_length; /* in `functions`; length 0: the function is unknown */
    uint32_t module;          /* index for spprof_module_get, plus 1; 0: none */
} sp_native_name;

void sp_native_names_add(sp_native_names *names, uint64_t frame);
void sp_native_names_learn(sp_native_names *names);
/* Return the frame's name, or NULL if the frame was not added. */
const sp_native_name *sp_native_names_find(const sp_native_names *names, uint64_t frame);
void sp_native_names_free(sp_native_names *names);

#endif
