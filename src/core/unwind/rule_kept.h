/* rule_kept.h: the low bits of a rule, which say where a frame keeps its caller's registers. Their layout depends on
 * the architecture (rule_bits.h draws it).
 *
 * Memory:  none. Threads, signals: any.
 */
#ifndef SP_RULE_KEPT_H
#define SP_RULE_KEPT_H

#include "rule.h"

/* Encode the locations of the caller's registers from this row; return −1 if the bits cannot express them. */
int64_t sp_rule_encode_kept(const sp_cfi_row *row, const sp_fde *fde);

static inline bool sp_rule_is_word_multiple(int64_t offset) {
    return offset % SP_RULE_WORD == 0;
}

/* Return −1 if the bits cannot express how the register is kept. */
static inline int64_t sp_rule_words_below_cfa(const sp_cfi_rule *rule, unsigned bits) {
    if (rule->place != SP_CFI_AT_OFFSET || !sp_rule_is_word_multiple(rule->offset) || rule->offset >= 0) return -1;
    int64_t words = -(rule->offset / SP_RULE_WORD);
    return words < (INT64_C(1) << bits) ? words : -1;
}

static inline bool sp_rule_is_unchanged(const sp_cfi_rule *rule) {
    return rule->place == SP_CFI_UNSPECIFIED || rule->place == SP_CFI_SAME_VALUE;
}

#endif
