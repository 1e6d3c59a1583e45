/* expression.h: DWARF expressions of call frame tables (PLT entries, signal frames, hand-written assembly).
 *
 * Memory:  a stack of 64 words; reads the program's stack through sp_stack_memory. Allocates nothing.
 * Threads, signals: any.
 * Full:    false is returned. The same happens if an expression is malformed, exceeds SP_EXPRESSION_STEPS operations,
 *          uses an unknown register, or loads from outside the stack.
 */
#ifndef SP_EXPRESSION_H
#define SP_EXPRESSION_H

#include "registers.h"
#include "stack_memory.h"

#include <stdint.h>

#define SP_EXPRESSION_STEPS 1024

/* Evaluate `length` bytes. `initial`: the initial content of the expression's stack; NULL for none. */
bool sp_expression_evaluate(const uint8_t *bytes, uint32_t length, const sp_registers *registers,
                            const uintptr_t *initial, sp_stack_memory *stack, uintptr_t *result);

#endif
