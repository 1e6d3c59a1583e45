/* image_table.h: the objects that are loaded now, where the loader reports each one (macOS).
 *
 *   slots:    [ range, record | free | range, record ]     what is loaded now
 *   records:  object, UUID, path                           each object that was ever loaded
 *
 * Records do not change and are not freed, so a reader may still use one whose object is being unloaded. An object that
 * returns to its place gets its old record again.
 *
 * Memory:  the slots are static, resident where touched; records are in an arena.
 * Threads: any. Takes no lock: a loader calls with its own lock held.
 * Signals: finding is safe.
 * Fork:    the child has the parent's table. It may lack an object that another thread was just loading.
 * Full:    objects past SP_IMAGES_MAX are not found.
 */
#ifndef SP_IMAGE_TABLE_H
#define SP_IMAGE_TABLE_H

#include "objects.h"

#define SP_IMAGES_MAX 8192 /* loaded at the same time */

/* Add the object whose header is at `header`; the path is copied. Nothing happens if it is there already, is not a
 * Mach-O object, or there is no memory. */
void sp_image_table_add(const uint8_t *header, const char *path);

/* Remove the object. Return whether it was there. Its header is not read. */
bool sp_image_table_remove(const uint8_t *header);

bool sp_image_table_find(uintptr_t pc, sp_object *object);

/* Find an object by its UUID. */
bool sp_image_table_find_uuid(const uint8_t *uuid, size_t length, sp_object *object);

#endif
