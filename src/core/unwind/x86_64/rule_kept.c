#include "rule_kept.h"

/* The bits need not say where the return address is: the call pushed it below the CFA. */
int64_t sp_rule_encode_kept(const sp_cfi_row *row, const sp_fde *fde) {
    const sp_cfi_rule *fp = &row->rules[SP_REGISTER_FP];
    bool pushed = fde->return_column == SP_REGISTER_PC && sp_rule_words_below_cfa(&row->rules[SP_REGISTER_PC], 1) == 1;
    if (!pushed) return -1;
    return sp_rule_is_unchanged(fp) ? 0 : sp_rule_words_below_cfa(fp, SP_RULE_FP_BITS);
}
