/* rule_bits.h: what a rule (rule.h) keeps about a caller on x86-64.
 *
 *   [ kind 3 | CFA offset 15, signed | frame pointer 14 ]         in words of 8 bytes
 *
 * The return address is always in the word below the CFA, where the call pushed it. Unless the frame pointer is
 * unchanged (0), it may be anywhere below that word.
 *
 * Memory:  none. Threads, signals: any.
 */
#ifndef SP_RULE_BITS_H
#define SP_RULE_BITS_H

#include "stack_memory.h"

#include <stdbool.h>
#include <stdint.h>

#define SP_RULE_CFA_BITS 15
#define SP_RULE_FP_BITS 14
#define SP_RULE_CFA_SHIFT SP_RULE_FP_BITS
#define SP_RULE_WORD 8

/* Return where the caller's pc is stored. */
static inline uintptr_t sp_rule_pc_place(uint32_t rule, uintptr_t cfa) {
    (void)rule;
    return cfa - SP_RULE_WORD;
}

/* Return where the caller's fp is stored; 0 if it is unchanged. */
static inline uintptr_t sp_rule_fp_place(uint32_t rule, uintptr_t cfa) {
    uintptr_t words = rule & ((1u << SP_RULE_FP_BITS) - 1);
    return words ? cfa - words * SP_RULE_WORD : 0;
}

/* Load the caller's pc and, unless it is unchanged, the caller's fp. Return false if the stack does not contain
 * them. */
static inline bool sp_rule_load_caller(uint32_t rule, uintptr_t cfa, uintptr_t *pc, uintptr_t *fp,
                                       sp_stack_memory *stack) {
    uintptr_t fp_words = rule & ((1u << SP_RULE_FP_BITS) - 1);
    if (!sp_stack_memory_load(stack, cfa - SP_RULE_WORD, pc)) return false;
    return !fp_words || sp_stack_memory_load(stack, cfa - fp_words * SP_RULE_WORD, fp);
}

#endif
