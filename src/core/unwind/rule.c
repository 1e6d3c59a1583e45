#include "rule.h"

#include "dwarf_reader.h"
#include "rule_kept.h"

/* `kept`: the bits that say where the caller's registers are; −1 if the bits cannot express it. */
static sp_rule pack(sp_rule_kind kind, int64_t cfa_offset, int64_t kept) {
    int64_t words = cfa_offset / SP_RULE_WORD, half = INT64_C(1) << (SP_RULE_CFA_BITS - 1);
    if (!sp_rule_is_word_multiple(cfa_offset) || words < -half || words >= half || kept < 0)
        return sp_rule_of_kind(SP_RULE_EVALUATE);
    uint32_t cfa_bits = (uint32_t)words & ((1u << SP_RULE_CFA_BITS) - 1);
    return sp_rule_of_kind(kind) | cfa_bits << SP_RULE_CFA_SHIFT | (uint32_t)kept;
}

#define OP_BREG0 0x70
#define OP_DEREF 0x06

/* "breg n; deref" is the expression of a function that realigned its stack and keeps the old stack pointer in
 * memory. */
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
    int64_t kept = sp_rule_encode_kept(row, fde);
    if (row->cfa_is_expression) return encode_expression(row, kept);
    if (row->cfa_register == SP_REGISTER_SP) return pack(SP_RULE_SP, row->cfa_offset, kept);
    if (row->cfa_register == SP_REGISTER_FP) return pack(SP_RULE_FP, row->cfa_offset, kept);
    return sp_rule_of_kind(SP_RULE_EVALUATE);
}
