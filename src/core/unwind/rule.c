#include "rule.h"

#include "dwarf_reader.h"

static bool is_word_multiple(int64_t offset) {
    return offset % SP_RULE_WORD == 0;
}

/* −1: the register is kept in another way than the bits can say. */
static int64_t words_below_cfa(const sp_cfi_rule *rule, unsigned bits) {
    if (rule->place != SP_CFI_AT_OFFSET || !is_word_multiple(rule->offset) || rule->offset >= 0) return -1;
    int64_t words = -(rule->offset / SP_RULE_WORD);
    return words < (INT64_C(1) << bits) ? words : -1;
}

static bool is_unchanged(const sp_cfi_rule *rule) {
    return rule->place == SP_CFI_UNSPECIFIED || rule->place == SP_CFI_SAME_VALUE;
}

#if defined(__x86_64__)
/* The bits do not say where the return address is: it is where the call pushed it. */
static int64_t encode_kept(const sp_cfi_row *row, const sp_fde *fde) {
    const sp_cfi_rule *fp = &row->rules[SP_REGISTER_FP];
    bool pushed = fde->return_column == SP_REGISTER_PC && words_below_cfa(&row->rules[SP_REGISTER_PC], 1) == 1;
    if (!pushed) return -1;
    return is_unchanged(fp) ? 0 : words_below_cfa(fp, SP_RULE_FP_BITS);
}
#elif defined(__aarch64__)
/* A return address still in its register: only of a function that calls nobody. */
static int64_t encode_kept(const sp_cfi_row *row, const sp_fde *fde) {
    const sp_cfi_rule *fp = &row->rules[SP_REGISTER_FP], *lr = &row->rules[SP_REGISTER_LR];
    int64_t ra_words = fde->return_column == SP_REGISTER_LR ? words_below_cfa(lr, SP_RULE_RA_BITS) : -1;
    if (ra_words < 0 || is_unchanged(fp)) return ra_words;
    bool pair = fp->place == SP_CFI_AT_OFFSET && fp->offset == lr->offset - SP_RULE_WORD;
    return pair ? ra_words | SP_RULE_PAIR : -1;
}
#endif

/* `kept`: the bits that say where the caller's registers are, −1 if they cannot. */
static sp_rule pack(sp_rule_kind kind, int64_t cfa_offset, int64_t kept) {
    int64_t words = cfa_offset / SP_RULE_WORD, half = INT64_C(1) << (SP_RULE_CFA_BITS - 1);
    if (!is_word_multiple(cfa_offset) || words < -half || words >= half || kept < 0)
        return sp_rule_of_kind(SP_RULE_EVALUATE);
    uint32_t cfa_bits = (uint32_t)words & ((1u << SP_RULE_CFA_BITS) - 1);
    return sp_rule_of_kind(kind) | cfa_bits << SP_RULE_CFA_SHIFT | (uint32_t)kept;
}

#define OP_BREG0 0x70
#define OP_DEREF 0x06

/* "breg n; deref": what a function that realigned its stack says, whose old stack pointer is kept in memory. */
static sp_rule encode_expression(const sp_cfi_row *row, int64_t kept) {
    const uint8_t *bytes = row->cfa_expression;
    if (row->cfa_length < 3) return sp_rule_of_kind(SP_RULE_EVALUATE);
    sp_dwarf_reader reader = {.at = bytes + 1, .end = bytes + row->cfa_length};
    int64_t offset = sp_dwarf_read_sleb(&reader);
    bool is_load = !reader.failed && reader.end - reader.at == 1 && *reader.at == OP_DEREF;
    if (is_load && bytes[0] == OP_BREG0 + SP_REGISTER_FP) return pack(SP_RULE_FP_LOAD, offset, kept);
    if (is_load && bytes[0] == OP_BREG0 + SP_REGISTER_SP) return pack(SP_RULE_SP_LOAD, offset, kept);
    return sp_rule_of_kind(SP_RULE_EVALUATE);
}

sp_rule sp_rule_encode(const sp_cfi_row *row, const sp_fde *fde) {
    if (fde->return_column >= SP_REGISTER_COUNT) return sp_rule_of_kind(SP_RULE_NO_TABLE);
    if (row->rules[fde->return_column].place == SP_CFI_UNDEFINED) return sp_rule_of_kind(SP_RULE_END);
    bool moves_sp = row->rules[SP_REGISTER_SP].place != SP_CFI_UNSPECIFIED;
    if (fde->signal_frame || moves_sp) return sp_rule_of_kind(SP_RULE_EVALUATE);
    int64_t kept = encode_kept(row, fde);
    if (row->cfa_is_expression) return encode_expression(row, kept);
    if (row->cfa_register == SP_REGISTER_SP) return pack(SP_RULE_SP, row->cfa_offset, kept);
    if (row->cfa_register == SP_REGISTER_FP) return pack(SP_RULE_FP, row->cfa_offset, kept);
    return sp_rule_of_kind(SP_RULE_EVALUATE);
}
