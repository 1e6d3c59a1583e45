/* caller.h: from a function's registers to its caller's, by a row of the call frame table. The slow way, for whatever a
 * rule of 32 bits cannot say.
 *
 * Memory:  the caller's structs. Threads, signals: any.
 */
#ifndef SP_CALLER_H
#define SP_CALLER_H

#include "cfi.h"
#include "stack_memory.h"

typedef enum sp_caller_result {
    SP_CALLER_FOUND,
    SP_CALLER_NONE,   /* this is the thread's first frame */
    SP_CALLER_UNKNOWN /* a register that is not known, or a place outside the stack */
} sp_caller_result;

/* Replaces `registers` by the caller's; those that the caller may have lost are no longer known. */
sp_caller_result sp_caller_find(const sp_cfi_row *row, const sp_fde *fde, sp_registers *registers,
                                sp_stack_memory *stack);

#endif
