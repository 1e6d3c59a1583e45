/* objects.h: finds loaded objects (the program, libraries, the kernel's page) by an address in them.
 *
 *   object:  start ─── headers │ code │ unwind description (.eh_frame_hdr, .eh_frame) │ data ─── end
 *
 * On macOS an object is its segment __TEXT, which contains its code: the other segments may be far away, between those
 * of other objects. dyld reports what it loads and unloads, so the table is never out of date (image_table.h).
 *
 * Memory:  none; results point into the object. Allocates nothing. macOS: image_table.h; the paths are copies.
 * Threads: any; sp_objects_find takes none of the loader's locks.
 * Signals: sp_objects_find is safe.
 */
#ifndef SP_OBJECTS_H
#define SP_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SP_BUILD_ID_MAX 32

typedef struct sp_object {
    uintptr_t start, end;                 /* the object's lowest address and its end; there may be gaps in between */
    uintptr_t base;                       /* added to the addresses in its file */
    const char *path;                     /* as the loader stores it: "" for the program itself, except on macOS */
    const uint8_t *eh_header;             /* .eh_frame_hdr; NULL: none */
    const uint8_t *eh_start, *eh_end;     /* the readable segment around it; macOS: __eh_frame; NULL: none */
    const uint8_t *compact, *compact_end; /* macOS: __unwind_info; NULL: none */
} sp_object;

/* Call this before all other functions, not in a handler. `directly`: ask the loader without its lock if possible
 * (glibc 2.35, macOS); tests pass false. Otherwise sp_objects_find uses the list from the last sp_objects_refresh. */
void sp_objects_prepare(bool directly);
bool sp_objects_find_is_direct(void);

/* Find the object that contains `pc`. It stays mapped as long as code in it is running. */
bool sp_objects_find(uintptr_t pc, sp_object *object);

/* If the loader cannot be asked directly, list the loaded objects. Takes the loader's lock. Not in a handler. */
void sp_objects_refresh(void);

/* Return how many times the loader has unloaded an object. Takes the loader's lock, except on macOS. */
uint64_t sp_objects_unloaded(void);

/* Have a function called whenever an object is being unloaded, by the thread that unloads it and with the loader's lock
 * held: it must not wait or allocate. Return false if the loader does not report this (Linux). */
typedef void sp_objects_listener(void);
bool sp_objects_listen(sp_objects_listener *listener);

/* Write the object's build id. Return its length in bytes, 0 if it has none. */
size_t sp_objects_read_build_id(const sp_object *object, uint8_t build_id[SP_BUILD_ID_MAX]);

#endif
