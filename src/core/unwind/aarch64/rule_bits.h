/* rule_bits.h: what a rule (rule.h) keeps about a caller on aarch64.
 *
 *   [ kind 3 | CFA offset 14, signed | pair 1 | return address 14 ]         in words of 8 bytes
 *
 * The return address may be far below the CFA, since a frame's locals are above it. Unless the frame pointer is
 * unchanged, it is kept in the word below the return address: the two are stored as a pair.
 *
 * Memory:  none. Threads, signals: any.
 */
#ifndef SP_RULE_BITS_H
#define SP_RULE_BITS_H

#include "register_names.h"
#include "stack_memory.h"

#include <stdbool.h>
#include <stdint.h>

#define SP_RULE_CFA_BITS 14
#define SP_RULE_RA_BITS 14
#define SP_RULE_PAIR (1u << SP_RULE_RA_BITS)
#define SP_RULE_CFA_SHIFT (1 + SP_RULE_RA_BITS)
#define SP_RULE_WORD 8

/* Return how far below the CFA the return address is stored. */
static inline uintptr_t sp_rule_kept_bytes(uint32_t rule) {
    return (rule & ((1u << SP_RULE_RA_BITS) - 1)) * SP_RULE_WORD;
}

/* Return where the caller's pc is stored. */
static inline uintptr_t sp_rule_pc_place(uint32_t rule, uintptr_t cfa) {
    return cfa - sp_rule_kept_bytes(rule);
}

/* Return where the caller's fp is stored; 0 if it is unchanged. */
static inline uintptr_t sp_rule_fp_place(uint32_t rule, uintptr_t cfa) {
    return rule & SP_RULE_PAIR ? sp_rule_pc_place(rule, cfa) - SP_RULE_WORD : 0;
}

/* Load the caller's pc and, unless it is unchanged, the caller's fp. Return false if the stack does not contain
 * them. */
static inline bool sp_rule_load_caller(uint32_t rule, uintptr_t cfa, uintptr_t *pc, uintptr_t *fp,
                                       sp_stack_memory *stack) {
    uintptr_t kept_at = sp_rule_pc_place(rule, cfa);
    if (!sp_stack_memory_load(stack, kept_at, pc)) return false;
    if ((rule & SP_RULE_PAIR) && !sp_stack_memory_load(stack, kept_at - SP_RULE_WORD, fp)) return false;
    *pc = sp_strip_signature(*pc);
    return true;
}

#endif
