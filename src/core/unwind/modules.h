/* modules.h: every object in which a native frame was seen, kept after it is unloaded.
 *
 *   records:  [ range | base | build id | path | generation ] …     in the order in which they were first seen
 *
 * An address in a stack identifies its object by location and generation. The generation is 0 unless another object had
 * been seen at that location before. An object that returns to its old location keeps its generation.
 *
 * Memory:  records in an arena, at most SP_MODULES_MAX. Nothing is freed.
 * Threads: any, lock-free. If two threads see the same object, both may record it, with the same generation.
 * Signals: safe.
 * Full:    no more objects are recorded. If another object had been seen at their location, their frames get
 *          SP_MODULES_UNKNOWN, which no record has: they show as bare addresses, never under the other object's name.
 */
#ifndef SP_MODULES_H
#define SP_MODULES_H

#include "objects.h"
#include "spprof.h"

#define SP_MODULES_MAX 16384
#define SP_MODULES_UNKNOWN 0x7FFF /* the highest generation that a frame can have */

/* Find the program's path. Call this once, before the other functions. */
void sp_modules_prepare(void);

void sp_modules_note(const sp_object *object);
bool sp_modules_get(uint32_t index, spprof_module *module);

/* Return whether any location has had more than one generation. */
bool sp_modules_reused(void);
/* Return the latest generation at this address. */
uint32_t sp_modules_generation(uintptr_t address);

/* Return whether the address is in an object that switches stacks below Python (greenlet). In that case the words
 * above its frames may belong to another coroutine. */
bool sp_modules_switches_stacks(uintptr_t address);

#endif
