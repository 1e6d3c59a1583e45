#include "caller.h"

#include "expression.h"

static bool find_cfa(const sp_cfi_row *row, const sp_registers *registers, sp_stack_memory *stack, uintptr_t *cfa) {
    if (row->cfa_is_expression)
        return sp_expression_evaluate(row->cfa_expression, row->cfa_length, registers, NULL, stack, cfa);
    if (!sp_registers_get(registers, row->cfa_register, cfa)) return false;
    *cfa += (uintptr_t)row->cfa_offset;
    return true;
}

static bool is_saved(unsigned number) {
    return SP_REGISTERS_SAVED >> number & 1;
}

/* Get the register's value in the caller. Return false if it is unknown. */
static bool restore(const sp_cfi_rule *rule, unsigned number, uintptr_t cfa, const sp_registers *registers,
                    sp_stack_memory *stack, uintptr_t *value) {
    switch (rule->place) {
    case SP_CFI_UNSPECIFIED:
        return is_saved(number) && sp_registers_get(registers, number, value);
    case SP_CFI_SAME_VALUE:
        return sp_registers_get(registers, number, value);
    case SP_CFI_UNDEFINED:
        return false;
    case SP_CFI_AT_OFFSET:
        return sp_stack_memory_load(stack, cfa + (uintptr_t)rule->offset, value);
    case SP_CFI_IS_OFFSET:
        *value = cfa + (uintptr_t)rule->offset;
        return true;
    case SP_CFI_IN_REGISTER:
        return sp_registers_get(registers, rule->number, value);
    case SP_CFI_AT_EXPRESSION:
        return sp_expression_evaluate(rule->expression, rule->length, registers, &cfa, stack, value) &&
               sp_stack_memory_load(stack, *value, value);
    case SP_CFI_IS_EXPRESSION:
        return sp_expression_evaluate(rule->expression, rule->length, registers, &cfa, stack, value);
    }
    return false;
}

/* If no instruction mentions the return address, it is where the architecture puts it: in its register. */
static bool restore_pc(const sp_cfi_row *row, const sp_fde *fde, const sp_registers *before, sp_registers *after) {
    unsigned column = (unsigned)fde->return_column;
    uintptr_t pc;
    if (!sp_registers_get(after, column, &pc)) {
        bool in_place = row->rules[column].place == SP_CFI_UNSPECIFIED && column != SP_REGISTER_PC;
        if (!in_place || !sp_registers_get(before, column, &pc)) return false;
    }
    sp_registers_set(after, SP_REGISTER_PC, sp_strip_signature(pc));
    return true;
}

sp_caller_result sp_caller_find(const sp_cfi_row *row, const sp_fde *fde, sp_registers *registers,
                                sp_stack_memory *stack) {
    uintptr_t cfa, value;
    if (fde->return_column >= SP_REGISTER_COUNT) return SP_CALLER_UNKNOWN;
    if (row->rules[fde->return_column].place == SP_CFI_UNDEFINED) return SP_CALLER_NONE;
    if (!find_cfa(row, registers, stack, &cfa)) return SP_CALLER_UNKNOWN;
    sp_registers caller = {.known = 0};
    for (unsigned number = 0; number < SP_REGISTER_COUNT; number++)
        if (restore(&row->rules[number], number, cfa, registers, stack, &value))
            sp_registers_set(&caller, number, value);
    if (row->rules[SP_REGISTER_SP].place == SP_CFI_UNSPECIFIED) sp_registers_set(&caller, SP_REGISTER_SP, cfa);
    if (!restore_pc(row, fde, registers, &caller)) return SP_CALLER_UNKNOWN;
    if (!sp_registers_get(&caller, SP_REGISTER_SP, &value)) return SP_CALLER_UNKNOWN;
    *registers = caller;
    return SP_CALLER_FOUND;
}
