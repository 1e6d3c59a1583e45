/* imports.h: what an image imports from macOS's libraries, and what it gets here.
 *
 *   _name ──► an image's own export (a model of a system library, compiled for macOS)
 *        └──► mac_name in this program: Apple's function, implemented on Linux
 *        └──► glibc's function, if it is listed as having the same meaning and layout (same_in_glibc.def)
 *        └──► a trap that prints the name and ends the process when it is called
 */
#ifndef IMPORTS_H
#define IMPORTS_H

#include <stdbool.h>
#include <stddef.h>

/* Return the address for an import. `is_weak`: NULL if there is none. */
void *import_find(const char *name, bool is_weak);

/* Names bound to a trap so far, in order. */
size_t imports_missing(void);
const char *import_missing_at(size_t index);

#endif
