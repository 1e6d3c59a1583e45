#include "rule_kept.h"

/* The return address is still in its register only in a leaf function. */
int64_t sp_rule_encode_kept(const sp_cfi_row *row, const sp_fde *fde) {
    const sp_cfi_rule *fp = &row->rules[SP_REGISTER_FP], *lr = &row->rules[SP_REGISTER_LR];
    int64_t ra_words = fde->return_column == SP_REGISTER_LR ? sp_rule_words_below_cfa(lr, SP_RULE_RA_BITS) : -1;
    if (ra_words < 0 || sp_rule_is_unchanged(fp)) return ra_words;
    bool pair = fp->place == SP_CFI_AT_OFFSET && fp->offset == lr->offset - SP_RULE_WORD;
    return pair ? ra_words | SP_RULE_PAIR : -1;
}
