/* stack_memory.h: reads a stack that may be torn. Every load that the unwinder makes from a stack goes through here.
 *
 *        low                                high              limit
 *   ──────┼────────── known readable ─────────┼── checked page by page ┼──────
 *         ▲ the stack pointer is here or above
 *
 * The bounds of a thread's own stack are checked once and remembered in its thread state. Another stack (a coroutine's,
 * an alternate signal stack) is checked each time, since it may disappear before the next time.
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
    uintptr_t limit;     /* end of what may be checked; high = limit on a thread's own stack */
} sp_stack_memory;

/* Find the stack that contains `sp`, a value of the calling thread's stack pointer. Any other value is safe: if
 * nothing is mapped there, nothing is readable. */
void sp_stack_memory_find(sp_stack_memory *stack, uintptr_t sp);

/* Return whether the 8 bytes at `address` can be read. Called when the fast check has failed. */
bool sp_stack_memory_extend_slow(sp_stack_memory *stack, uintptr_t address);

/* Stacks are read word by word, even where no variable is, which the address sanitizer would report. */
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
