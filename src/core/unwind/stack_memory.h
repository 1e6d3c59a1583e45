/* stack_memory.h: reading a stack that may be torn. Every load of the unwinder from a stack goes through here.
 *
 *        low                                high              limit
 *   ──────┼────────── known readable ─────────┼── asked page by page ──┼──────
 *         ▲ the stack pointer lies here or above
 *
 * A thread's own stack is asked for once and remembered in its thread state; another stack (a coroutine's, an alternate
 * signal stack) is asked for again each time, since it may be gone by the next.
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
    uintptr_t limit;     /* up to where it may be asked for; high = limit on a thread's own stack */
} sp_stack_memory;

/* The stack in which `sp` lies, a value of the calling thread's stack pointer. Any other value is safe: nothing can be
 * read where nothing is. */
void sp_stack_memory_find(sp_stack_memory *stack, uintptr_t sp);

/* Whether the 8 bytes at `address` can be read, where the quick answer was no. */
bool sp_stack_memory_extend_slow(sp_stack_memory *stack, uintptr_t address);

/* A stack is read word by word, also where no variable stands, which the address sanitizer would take for a fault. */
#define SP_READS_ANY_WORD __attribute__((no_sanitize_address))

SP_READS_ANY_WORD static inline bool sp_stack_memory_load(sp_stack_memory *stack, uintptr_t address, uintptr_t *value) {
    bool within = address >= stack->low && address <= stack->high - sizeof *value; /* high is never 0 */
    if (__builtin_expect(!within, 0) && !sp_stack_memory_extend_slow(stack, address)) return false;
    __builtin_memcpy(value, (const void *)address, sizeof *value);
    return true;
}

/* The same, and false where these 8 bytes are not known to be readable yet. */
SP_READS_ANY_WORD static inline bool sp_stack_memory_load_known(const sp_stack_memory *stack, uintptr_t address,
                                                                uintptr_t *value) {
    if (address < stack->low || address > stack->high - sizeof *value) return false;
    __builtin_memcpy(value, (const void *)address, sizeof *value);
    return true;
}

#endif
