/* image.h: maps an x86-64 Mach-O program or library into a Linux process, as dyld would.
 *
 *   file ──► segments mapped, at any address ──► libraries it names, first ──► rebased, bound ──► initialisers run
 *
 * Memory:  glibc's; images stay mapped until image_close.
 * Threads: one at a time.
 * Full:    what the loader cannot do ends the process, with a message: a test must not continue with a guess.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include "macho.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGES_MAX 256

typedef struct image {
    char *path;
    const macho_header *header; /* where the first segment is mapped */
    intptr_t slide;             /* added to the addresses in the file */
    uintptr_t start, end;
    const macho_symbol *symbols;
    uint32_t symbol_count;
    const char *strings;
    uint8_t *file; /* a copy of the file, for the tables of the linker */
    size_t file_bytes;
    unsigned lazy_binds; /* calls that dyld may bind when they are first made */
    bool is_initialized;
} image;

/* Load the file, and the libraries that it names unless they are the system's. A file that is already loaded is
 * returned again. `loader`: the image that asks, for @loader_path and @rpath; NULL: the program itself. Return NULL if
 * there is no such file. */
image *image_open(const char *path, const image *loader);

/* Call the initialisers of all images that have not been initialised, in the order in which they were loaded. */
void images_initialize(void);

/* Unmap the image. */
void image_close(image *one);

/* Return the address of an exported name, which begins with "_"; NULL: none. `one` NULL: search all images. */
void *image_symbol(const image *one, const char *name);

/* Return where the program begins: its `main`. */
void *image_main(const image *one);

/* Return the image's segment or section; NULL: none. */
const macho_segment *image_segment(const image *one, const char *name);
const macho_section *image_section(const image *one, const char *segment, const char *name);

/* The loaded images, in order. */
size_t images_count(void);
image *images_at(size_t index);
image *image_around(uintptr_t address);

/* The current executable's folder, for @executable_path. Set by the first image that is opened. */
#endif
