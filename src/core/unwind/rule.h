/* rule.h: how to find the caller of one address, in 32 bits.
 *
 *   [ kind 3 | CFA offset, signed | what is kept: where the caller's registers are ]         in words of 8 bytes
 *
 * Locations are counted in words below the CFA. rule_bits.h in the architecture's folder draws and reads the kept part.
 * A row that does not fit is evaluated each time.
 *
 * Memory:  none. Threads, signals: any.
 */
#ifndef SP_RULE_H
#define SP_RULE_H

#include "cfi.h"
#include "registers.h"
#include "rule_bits.h"
#include "stack_memory.h"

#include <stdint.h>

typedef uint32_t sp_rule; /* 0: none */

typedef enum sp_rule_kind {
    SP_RULE_NONE,
    SP_RULE_SP,       /* CFA = stack pointer + offset */
    SP_RULE_FP,       /* CFA = frame pointer + offset */
    SP_RULE_SP_LOAD,  /* CFA = the word at stack pointer + offset */
    SP_RULE_FP_LOAD,  /* CFA = the word at frame pointer + offset (realigned frames) */
    SP_RULE_END,      /* the thread's first frame */
    SP_RULE_EVALUATE, /* evaluate its row */
    SP_RULE_NO_TABLE  /* no description: use the frame pointer if it looks plausible */
} sp_rule_kind;

/* The registers that the fast path tracks. */
typedef struct sp_frame {
    uintptr_t pc, sp, fp;
} sp_frame;

#define SP_RULE_KIND_SHIFT 29

_Static_assert(3 + SP_RULE_CFA_BITS + SP_RULE_CFA_SHIFT == 32, "a rule is 32 bits");
_Static_assert(SP_RULE_CFA_SHIFT + SP_RULE_CFA_BITS == SP_RULE_KIND_SHIFT,
               "the offset's sign is the bit below the kind");

static inline sp_rule_kind sp_rule_kind_of(sp_rule rule) {
    return (sp_rule_kind)(rule >> SP_RULE_KIND_SHIFT);
}

static inline sp_rule sp_rule_of_kind(sp_rule_kind kind) {
    return (sp_rule)kind << SP_RULE_KIND_SHIFT;
}

/* Encode the row in 32 bits. Return SP_RULE_EVALUATE if it does not fit. */
sp_rule sp_rule_encode(const sp_cfi_row *row, const sp_fde *fde);

static inline uintptr_t sp_rule_cfa(sp_rule rule, const sp_frame *frame) {
    int64_t words = (int64_t)((uint64_t)rule << (64 - SP_RULE_KIND_SHIFT)) >> (64 - SP_RULE_CFA_BITS);
    bool by_fp = sp_rule_kind_of(rule) == SP_RULE_FP || sp_rule_kind_of(rule) == SP_RULE_FP_LOAD;
    return (by_fp ? frame->fp : frame->sp) + (uintptr_t)(words * SP_RULE_WORD);
}

/* Step to the caller. Return false if the rule needs a word that the stack does not contain, or if the caller would
 * not be above this frame. */
static inline bool sp_rule_step(sp_rule rule, sp_frame *frame, sp_stack_memory *stack) {
    uintptr_t cfa = sp_rule_cfa(rule, frame);
    if (sp_rule_kind_of(rule) >= SP_RULE_SP_LOAD && !sp_stack_memory_load(stack, cfa, &cfa)) return false;
    if (cfa <= frame->sp) return false;
    if (!sp_rule_load_caller(rule, cfa, &frame->pc, &frame->fp, stack)) return false;
    frame->sp = cfa;
    return true;
}

#endif
