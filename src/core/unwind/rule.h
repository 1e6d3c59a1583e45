/* rule.h: the caller of one address in 32 bits.
 *
 *   x86-64:   [ kind 3 | CFA offset 15, signed | frame pointer 14 ]                         in words of 8 bytes
 *   aarch64:  [ kind 3 | CFA offset 14, signed | pair 1 | return address 14 ]
 *
 * Places are counted in words below the CFA. On x86-64 the return address always stands in the word below the CFA, and the
 * frame pointer, unless it is unchanged (0), anywhere. On aarch64 the return address may be far, since a frame's locals lie
 * above it; the frame pointer, unless it is unchanged, is kept in the word below it: both are stored as a pair. What does
 * not fit is evaluated from its row each time.
 *
 * Memory:  none. Threads, signals: any.
 */
#ifndef SP_RULE_H
#define SP_RULE_H

#include "cfi.h"
#include "registers.h"
#include "stack_memory.h"

#include <stdint.h>

typedef uint32_t sp_rule; /* 0: none */

typedef enum sp_rule_kind {
    SP_RULE_NONE,
    SP_RULE_SP,       /* CFA = stack pointer + offset */
    SP_RULE_FP,       /* CFA = frame pointer + offset */
    SP_RULE_SP_LOAD,  /* CFA = what stands at stack pointer + offset */
    SP_RULE_FP_LOAD,  /* CFA = what stands at frame pointer + offset: realigned frames */
    SP_RULE_END,      /* the thread's first frame */
    SP_RULE_EVALUATE, /* by its row */
    SP_RULE_NO_TABLE  /* no description: by the frame pointer, if that looks right */
} sp_rule_kind;

/* What the quick way knows of a frame. */
typedef struct sp_frame {
    uintptr_t pc, sp, fp;
} sp_frame;

#if defined(__x86_64__)
#define SP_RULE_CFA_BITS 15
#define SP_RULE_FP_BITS 14
#define SP_RULE_CFA_SHIFT SP_RULE_FP_BITS
#elif defined(__aarch64__)
#define SP_RULE_CFA_BITS 14
#define SP_RULE_RA_BITS 14
#define SP_RULE_PAIR (1u << SP_RULE_RA_BITS)
#define SP_RULE_CFA_SHIFT (1 + SP_RULE_RA_BITS)
#endif
#define SP_RULE_KIND_SHIFT 29
#define SP_RULE_WORD 8

_Static_assert(3 + SP_RULE_CFA_BITS + SP_RULE_CFA_SHIFT == 32, "a rule is 32 bits");
_Static_assert(SP_RULE_CFA_SHIFT + SP_RULE_CFA_BITS == SP_RULE_KIND_SHIFT,
               "the offset's sign is the bit below the kind");

static inline sp_rule_kind sp_rule_kind_of(sp_rule rule) {
    return (sp_rule_kind)(rule >> SP_RULE_KIND_SHIFT);
}

static inline sp_rule sp_rule_of_kind(sp_rule_kind kind) {
    return (sp_rule)kind << SP_RULE_KIND_SHIFT;
}

/* The row in 32 bits, SP_RULE_EVALUATE if it does not fit. */
sp_rule sp_rule_encode(const sp_cfi_row *row, const sp_fde *fde);

static inline uintptr_t sp_rule_cfa(sp_rule rule, const sp_frame *frame) {
    int64_t words = (int64_t)((uint64_t)rule << (64 - SP_RULE_KIND_SHIFT)) >> (64 - SP_RULE_CFA_BITS);
    bool by_fp = sp_rule_kind_of(rule) == SP_RULE_FP || sp_rule_kind_of(rule) == SP_RULE_FP_LOAD;
    return (by_fp ? frame->fp : frame->sp) + (uintptr_t)(words * SP_RULE_WORD);
}

#if defined(__aarch64__)
/* How far below the CFA the return address is kept. */
static inline uintptr_t sp_rule_kept_bytes(sp_rule rule) {
    return (rule & ((1u << SP_RULE_RA_BITS) - 1)) * SP_RULE_WORD;
}
#endif

/* Goes to the caller. False: the stack does not hold what the rule asks for, or the caller would not lie above. */
static inline bool sp_rule_step(sp_rule rule, sp_frame *frame, sp_stack_memory *stack) {
    uintptr_t cfa = sp_rule_cfa(rule, frame);
    if (sp_rule_kind_of(rule) >= SP_RULE_SP_LOAD && !sp_stack_memory_load(stack, cfa, &cfa)) return false;
    if (cfa <= frame->sp) return false;
#if defined(__x86_64__)
    uintptr_t fp_words = rule & ((1u << SP_RULE_FP_BITS) - 1);
    if (!sp_stack_memory_load(stack, cfa - SP_RULE_WORD, &frame->pc)) return false;
    if (fp_words && !sp_stack_memory_load(stack, cfa - fp_words * SP_RULE_WORD, &frame->fp)) return false;
#elif defined(__aarch64__)
    uintptr_t kept_at = cfa - sp_rule_kept_bytes(rule);
    if (!sp_stack_memory_load(stack, kept_at, &frame->pc)) return false;
    if ((rule & SP_RULE_PAIR) && !sp_stack_memory_load(stack, kept_at - SP_RULE_WORD, &frame->fp)) return false;
    frame->pc = sp_strip_signature(frame->pc);
#endif
    frame->sp = cfa;
    return true;
}

/* Where the caller's pc and fp stand; 0: fp is unchanged. */
static inline uintptr_t sp_rule_pc_place(sp_rule rule, uintptr_t cfa) {
#if defined(__x86_64__)
    (void)rule;
    return cfa - SP_RULE_WORD;
#elif defined(__aarch64__)
    return cfa - sp_rule_kept_bytes(rule);
#endif
}

static inline uintptr_t sp_rule_fp_place(sp_rule rule, uintptr_t cfa) {
#if defined(__x86_64__)
    uintptr_t words = rule & ((1u << SP_RULE_FP_BITS) - 1);
    return words ? cfa - words * SP_RULE_WORD : 0;
#elif defined(__aarch64__)
    return rule & SP_RULE_PAIR ? sp_rule_pc_place(rule, cfa) - SP_RULE_WORD : 0;
#endif
}

#endif
