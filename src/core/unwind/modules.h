/* modules.h: every object in which a native frame was seen, kept when it is unloaded.
 *
 *   records:  [ range | base | build id | path | generation ] …        in the order in which they were met
 *
 * Addresses in stacks say which object they belong to by place and generation: the generation is 0, unless another
 * object had been seen at that place before. The same object that comes back to its old place is the same generation.
 *
 * Memory:  records in an arena; SP_MODULES_MAX of them. Nothing is freed.
 * Threads: any, lock-free. Two that meet the same object both record it, with the same generation.
 * Signals: safe.
 * Full:    further objects are not recorded. Their frames are of SP_MODULES_UNKNOWN, which no record has, where another
 *          object had been seen: they show as bare addresses, never under its name.
 */
#ifndef SP_MODULES_H
#define SP_MODULES_H

#include "objects.h"
#include "spprof.h"

#define SP_MODULES_MAX 16384
#define SP_MODULES_UNKNOWN 0x7FFF /* the last generation that a frame can have */

/* Finds the program's path. Once, before the others. */
void sp_modules_prepare(void);

void sp_modules_note(const sp_object *object);
bool sp_modules_get(uint32_t index, spprof_module *module);

/* Whether any place had more than one generation. */
bool sp_modules_reused(void);
/* The generation that was met last at this address. */
uint32_t sp_modules_generation(uintptr_t address);

/* Whether the address lies in an object that switches stacks below Python (greenlet): what stands above its frames may
 * be another coroutine's. */
bool sp_modules_switches_stacks(uintptr_t address);

#endif
