/* macho_image.h: a Mach-O object in memory: where the loader put its segments, and its descriptions.
 *
 *   __TEXT:      [ header | load commands │ code │ __unwind_info │ __eh_frame ]      an sp_object's start … end
 *   __LINKEDIT:  [ symbols, strings, function starts ]                                may be far away, and shared
 *
 * The loader has checked the commands, but offsets are checked again where they are used.
 *
 * Memory:  reads the object's header and load commands. Allocates nothing.
 * Threads: any, while the object is mapped. Signals: safe.
 */
#ifndef SP_MACHO_IMAGE_H
#define SP_MACHO_IMAGE_H

#include "objects.h"

/* Fill in everything but the path. Return false if this is no object with a segment __TEXT that contains the header. */
bool sp_macho_image_read(const uint8_t *header, sp_object *object);

/* Write the object's UUID. Return its length: 16, or 0 if it has none. */
size_t sp_macho_image_read_uuid(const sp_object *object, uint8_t *uuid);

/* Find the distances between the object's functions (LC_FUNCTION_STARTS). Return false if it has none. */
bool sp_macho_image_find_starts(const sp_object *object, const uint8_t **starts, const uint8_t **end);

#endif
