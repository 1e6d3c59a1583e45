/* caller.h: from a function's registers to its caller's, using a row of the call frame table. This is the slow path,
 * for anything that a rule of 32 bits cannot express.
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
    SP_CALLER_UNKNOWN /* a needed register is unknown, or an address is outside the stack */
} sp_caller_result;

/* Replace `registers` with the caller's. Registers that the call may have changed become unknown. */
sp_caller_result sp_caller_find(const sp_cfi_row *row, const sp_fde *fde, sp_registers *registers,
                                sp_stack_memory *stack);

#endif
