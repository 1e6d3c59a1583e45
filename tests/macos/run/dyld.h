/* dyld.h: the loader's functions for the program: its list of images, dlopen, dladdr. */
#ifndef DYLD_H
#define DYLD_H

#include "image.h"

/* Tell those that have registered. Called when an image is bound but not initialised, and before it is unmapped. */
void dyld_note_added(const image *one);
void dyld_note_removed(const image *one);

#endif
