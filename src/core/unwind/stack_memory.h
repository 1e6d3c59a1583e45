/* stack_memory.h: reads a stack that may be torn. Every load of the unwinder from a stack goes through here.
 *
 *        low                                high              limit
 *   ──────┼────────── known readable ─────────┼── asked page by page ──┼──────
 *         ▲ the stack pointer is here or above
 *
 * A thread's own stack is asked for once and remembered in its thread state. Another stack (a coroutine's, an alternate
 * signal stack) is asked for each time, since it may disappear before the next.
 *
 * Memory:  the caller's struct and two words of the thread state.
 * Threads: the calling thread's stacks only.
 * Signals: safe.
 */
#ifndef SP_STACK_MEMORY_H
#define SP_STACK_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sp_stack_memory {
    uintptr_t low, high; /* readable */
    uintptr_t limit;     /* end of what may be asked for; high = limit on a thread's own stack */
} sp_stack_memory;

/* Find the stack that contains `sp`, a value of the calling thread's stack pointer. Any other value is safe: where
 * nothing is mapped, nothing is readable. */
void sp_stack_memory_find(sp_stack_memory *stack, uintptr_t sp);

/* Return whether the 8 bytes at `address` can be read, when the fast check failed. */
bool sp_stack_memory_extend_slow(sp_stack_memory *stack, uintptr_t address);

/* Stacks are read word by word, also outside variables, which the address sanitizer would report. */
#define SP_READS_ANY_WORD __attribute__((no_sanitize_address))

SP_READS_ANY_WORD static inline bool sp_stack_memory_load(sp_stack_memory *stack, uintptr_t address, uintptr_t *value) {
    bool within = address >= stack->low && address <= stack->high - sizeof *value; /* high is never 0 */
    if (__builtin_expect(!within, 0) && !sp_stack_memory_extend_slow(stack, address)) return false;
    __builtin_memcpy(value, (const void *)address, sizeof *value);
    return true;
}

/* Like sp_stack_memory_load(), but return false if these 8 bytes are not yet known to be readable. */
SP_READS_ANY_WORD static inline bool sp_stack_memory_load_known(const sp_stack_memory *stack, uintptr_t address,
                                                                uintptr_t *value) {
    if (address < stack->low || address > stack->high - sizeof *value) return false;
    __builtin_memcpy(value, (const void *)address, sizeof *value);
    return true;
}

#endif
