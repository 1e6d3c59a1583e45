/* relocations.h: the relocations of aarch64 that make a slot hold a function's address. */
#ifndef SP_RELOCATIONS_H
#define SP_RELOCATIONS_H

#include <elf.h>

#define SP_RELOCATION_JUMP_SLOT R_AARCH64_JUMP_SLOT
#define SP_RELOCATION_GLOB_DAT R_AARCH64_GLOB_DAT
#define SP_RELOCATION_ABSOLUTE R_AARCH64_ABS64

#endif
