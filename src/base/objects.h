/* objects.h: loaded objects (the program, libraries, the kernel's page) by an address in them.
 *
 *   object:  start ─── headers │ code │ unwind description (.eh_frame_hdr, .eh_frame) │ data ─── end
 *
 * Memory:  none; results point into the object. Allocates nothing.
 * Threads: any; sp_objects_find takes no lock of the loader's.
 * Signals: sp_objects_find is safe.
 */
#ifndef SP_OBJECTS_H
#define SP_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SP_BUILD_ID_MAX 32

typedef struct sp_object {
    uintptr_t start, end;             /* mapped in between, possibly with gaps */
    uintptr_t base;                   /* added to the addresses in its file */
    const char *path;                 /* as the loader stores it: "" for the program itself */
    const uint8_t *eh_header;         /* .eh_frame_hdr; NULL: none */
    const uint8_t *eh_start, *eh_end; /* the readable segment around it */
} sp_object;

/* Call before all others; not in a handler. `directly`: ask the loader without its lock where possible (glibc 2.35);
 * tests pass false. Otherwise sp_objects_find knows what the last sp_objects_refresh saw. */
void sp_objects_prepare(bool directly);
bool sp_objects_find_is_direct(void);

/* Find the object that contains `pc`. It stays mapped as long as code in it runs. */
bool sp_objects_find(uintptr_t pc, sp_object *object);

/* If there is no direct way, list the loaded objects. Takes the loader's lock. Not in a handler. */
void sp_objects_refresh(void);

/* Return how often the loader has unloaded an object. Takes its lock. */
uint64_t sp_objects_unloaded(void);

/* Write the object's build id. Return its length in bytes, 0 if it has none. */
size_t sp_objects_read_build_id(const sp_object *object, uint8_t build_id[SP_BUILD_ID_MAX]);

#endif
