/* describe.h: how an object describes its code. describe_elf.c and describe_macho.c are for one file format each.
 *
 *   ELF:     .eh_frame_hdr ──► .eh_frame ──► row
 *   Mach-O:  __unwind_info ─┬► an encoding of 32 bits ──► row        prologues, epilogues, stubs: edge_row.h
 *                           └► __eh_frame ──► row
 *
 * Memory:  reads the object, which must be mapped, within its bounds. Allocates nothing.
 * Threads: any. Signals: safe.
 */
#ifndef SP_DESCRIBE_H
#define SP_DESCRIBE_H

#include "cfi.h"
#include "objects.h"
#include "stack_memory.h"

#include <stdbool.h>
#include <stdint.h>

/* A description that is not in DWARF has no programs. */
typedef struct sp_description {
    sp_fde fde;
    sp_cfi_row row;
} sp_description;

/* Return false if the object has no table, or the table does not describe `pc`. */
bool sp_describe(const sp_object *object, uintptr_t pc, sp_description *found);

/* Find where the function that contains `pc` begins and ends. Return false if that is not known. */
bool sp_describe_function(const sp_object *object, uintptr_t pc, uintptr_t *start, uintptr_t *end);

/* Return whether `pc`, in code without a description, is in a thread's first function, given its frame pointer. Never
 * on Linux, where such functions are described. */
bool sp_describe_is_first(uintptr_t pc, uintptr_t fp, sp_stack_memory *stack);

#endif
