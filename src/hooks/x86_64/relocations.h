/* relocations.h: the relocations of x86-64 that make a slot hold a function's address. */
#ifndef SP_RELOCATIONS_H
#define SP_RELOCATIONS_H

#include <elf.h>

#define SP_RELOCATION_JUMP_SLOT R_X86_64_JUMP_SLOT
#define SP_RELOCATION_GLOB_DAT R_X86_64_GLOB_DAT
#define SP_RELOCATION_ABSOLUTE R_X86_64_64

#endif
