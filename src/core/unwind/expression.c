#include "expression.h"

#include "dwarf_reader.h"

#define STACK_WORDS 64

enum {
    DW_OP_deref = 0x06,
    DW_OP_const1u = 0x08,
    DW_OP_const1s = 0x09,
    DW_OP_const2u = 0x0A,
    DW_OP_const2s = 0x0B,
    DW_OP_const4u = 0x0C,
    DW_OP_const4s = 0x0D,
    DW_OP_const8u = 0x0E,
    DW_OP_const8s = 0x0F,
    DW_OP_constu = 0x10,
    DW_OP_consts = 0x11,
    DW_OP_dup = 0x12,
    DW_OP_drop = 0x13,
    DW_OP_over = 0x14,
    DW_OP_pick = 0x15,
    DW_OP_swap = 0x16,
    DW_OP_rot = 0x17,
    DW_OP_abs = 0x19,
    DW_OP_and = 0x1A,
    DW_OP_div = 0x1B,
    DW_OP_minus = 0x1C,
    DW_OP_mod = 0x1D,
    DW_OP_mul = 0x1E,
    DW_OP_neg = 0x1F,
    DW_OP_not = 0x20,
    DW_OP_or = 0x21,
    DW_OP_plus = 0x22,
    DW_OP_plus_uconst = 0x23,
    DW_OP_shl = 0x24,
    DW_OP_shr = 0x25,
    DW_OP_shra = 0x26,
    DW_OP_xor = 0x27,
    DW_OP_bra = 0x28,
    DW_OP_eq = 0x29,
    DW_OP_ge = 0x2A,
    DW_OP_gt = 0x2B,
    DW_OP_le = 0x2C,
    DW_OP_lt = 0x2D,
    DW_OP_ne = 0x2E,
    DW_OP_skip = 0x2F,
    DW_OP_lit0 = 0x30,
    DW_OP_lit31 = 0x4F,
    DW_OP_breg0 = 0x70,
    DW_OP_breg31 = 0x8F,
    DW_OP_bregx = 0x92,
    DW_OP_deref_size = 0x94,
    DW_OP_nop = 0x96
};

/* An evaluation. Errors mark the reader as failed; from then on its values are 0. */
typedef struct sp_evaluation {
    sp_dwarf_reader reader;
    const uint8_t *start;
    const sp_registers *registers;
    sp_stack_memory *memory;
    unsigned depth;
    uintptr_t words[STACK_WORDS]; /* the last one is the top */
} sp_evaluation;

/* ---- The stack of words ---- */

static void fail(sp_evaluation *evaluation) {
    sp_dwarf_fail(&evaluation->reader);
}

static void push(sp_evaluation *evaluation, uintptr_t word) {
    if (evaluation->depth < STACK_WORDS)
        evaluation->words[evaluation->depth++] = word;
    else
        fail(evaluation);
}

static uintptr_t pop(sp_evaluation *evaluation) {
    if (evaluation->depth > 0) return evaluation->words[--evaluation->depth];
    fail(evaluation);
    return 0;
}

/* Push a copy of the word at this index, counted from the top (index 0). */
static void pick(sp_evaluation *evaluation, uint64_t index) {
    if (index < evaluation->depth)
        push(evaluation, evaluation->words[evaluation->depth - 1 - index]);
    else
        fail(evaluation);
}

static void swap(sp_evaluation *evaluation) {
    uintptr_t top = pop(evaluation), second = pop(evaluation);
    push(evaluation, top);
    push(evaluation, second);
}

/* Move the top below the next two words. */
static void rotate(sp_evaluation *evaluation) {
    uintptr_t top = pop(evaluation), second = pop(evaluation), third = pop(evaluation);
    push(evaluation, top);
    push(evaluation, third);
    push(evaluation, second);
}

/* ---- Access to the outside ---- */

static void push_register(sp_evaluation *evaluation, uint64_t number) {
    int64_t offset = sp_dwarf_read_sleb(&evaluation->reader);
    uintptr_t value;
    if (sp_registers_get(evaluation->registers, number, &value))
        push(evaluation, value + (uintptr_t)offset);
    else
        fail(evaluation);
}

/* Replace the address on top with the low `size` bytes of the word at that address. */
static void dereference(sp_evaluation *evaluation, uint64_t size) {
    uintptr_t value;
    if (size == 0 || size > sizeof value || !sp_stack_memory_load(evaluation->memory, pop(evaluation), &value))
        return fail(evaluation);
    push(evaluation, value & (UINTPTR_MAX >> 8 * (sizeof value - size)));
}

/* ---- Arithmetic, which wraps around ---- */

static uintptr_t negate(uintptr_t word) {
    return 0 - word;
}

static uintptr_t absolute(uintptr_t word) {
    return (intptr_t)word < 0 ? negate(word) : word;
}

static uintptr_t shift_arithmetically(uintptr_t word, uintptr_t count) {
    return (uintptr_t)((intptr_t)word >> (count < 64 ? count : 63));
}

/* Signed. Negating the smallest number wraps around. */
static uintptr_t divide(sp_evaluation *evaluation, intptr_t dividend, intptr_t divisor) {
    if (divisor == -1) return negate((uintptr_t)dividend);
    if (divisor != 0) return (uintptr_t)(dividend / divisor);
    fail(evaluation);
    return 0;
}

static uintptr_t remainder_of(sp_evaluation *evaluation, uintptr_t dividend, uintptr_t divisor) {
    if (divisor != 0) return dividend % divisor;
    fail(evaluation);
    return 0;
}

/* ---- Operations ---- */

static void jump(sp_evaluation *evaluation, bool taken) {
    int64_t distance = sp_dwarf_read_signed(&evaluation->reader, 2);
    if (!taken) return;
    const uint8_t *here = evaluation->reader.at;
    if (distance < evaluation->start - here || distance > evaluation->reader.end - here) return fail(evaluation);
    evaluation->reader.at = here + distance;
}

static bool compare(uint8_t operation, intptr_t left, intptr_t right) {
    switch (operation) {
    case DW_OP_eq:
        return left == right;
    case DW_OP_ge:
        return left >= right;
    case DW_OP_gt:
        return left > right;
    case DW_OP_le:
        return left <= right;
    case DW_OP_lt:
        return left < right;
    default:
        return left != right;
    }
}

static uintptr_t combine(sp_evaluation *evaluation, uint8_t operation, uintptr_t left, uintptr_t right) {
    switch (operation) {
    case DW_OP_and:
        return left & right;
    case DW_OP_or:
        return left | right;
    case DW_OP_xor:
        return left ^ right;
    case DW_OP_plus:
        return left + right;
    case DW_OP_minus:
        return left - right;
    case DW_OP_mul:
        return left * right;
    case DW_OP_div:
        return divide(evaluation, (intptr_t)left, (intptr_t)right);
    case DW_OP_mod:
        return remainder_of(evaluation, left, right);
    case DW_OP_shl:
        return right < 64 ? left << right : 0;
    case DW_OP_shr:
        return right < 64 ? left >> right : 0;
    case DW_OP_shra:
        return shift_arithmetically(left, right);
    default:
        return compare(operation, (intptr_t)left, (intptr_t)right);
    }
}

/* Operations that replace two words with one. */
static void execute_binary(sp_evaluation *evaluation, uint8_t operation) {
    uintptr_t right = pop(evaluation), left = pop(evaluation);
    push(evaluation, combine(evaluation, operation, left, right));
}

static void push_constant(sp_evaluation *evaluation, uint8_t operation) {
    sp_dwarf_reader *reader = &evaluation->reader;
    if (operation == DW_OP_constu) return push(evaluation, sp_dwarf_read_uleb(reader));
    if (operation == DW_OP_consts) return push(evaluation, (uintptr_t)sp_dwarf_read_sleb(reader));
    size_t size = (size_t)1 << (operation - DW_OP_const1u) / 2;
    bool is_signed = (operation - DW_OP_const1u) % 2;
    uint64_t value = is_signed ? (uint64_t)sp_dwarf_read_signed(reader, size) : sp_dwarf_read_unsigned(reader, size);
    push(evaluation, value);
}

/* Operations that are implemented individually. */
static void execute_single(sp_evaluation *evaluation, uint8_t operation) {
    sp_dwarf_reader *reader = &evaluation->reader;
    switch (operation) {
    case DW_OP_nop:
        return;
    case DW_OP_dup:
        return pick(evaluation, 0);
    case DW_OP_over:
        return pick(evaluation, 1);
    case DW_OP_pick:
        return pick(evaluation, sp_dwarf_read_unsigned(reader, 1));
    case DW_OP_drop:
        pop(evaluation);
        return;
    case DW_OP_swap:
        return swap(evaluation);
    case DW_OP_rot:
        return rotate(evaluation);
    case DW_OP_abs:
        return push(evaluation, absolute(pop(evaluation)));
    case DW_OP_neg:
        return push(evaluation, negate(pop(evaluation)));
    case DW_OP_not:
        return push(evaluation, ~pop(evaluation));
    case DW_OP_plus_uconst:
        return push(evaluation, pop(evaluation) + sp_dwarf_read_uleb(reader));
    case DW_OP_deref:
        return dereference(evaluation, sizeof(uintptr_t));
    case DW_OP_deref_size:
        return dereference(evaluation, sp_dwarf_read_unsigned(reader, 1));
    case DW_OP_bregx:
        return push_register(evaluation, sp_dwarf_read_uleb(reader));
    case DW_OP_skip:
        return jump(evaluation, true);
    case DW_OP_bra:
        return jump(evaluation, pop(evaluation) != 0);
    default:
        fail(evaluation);
    }
}

static void execute(sp_evaluation *evaluation) {
    uint8_t operation = (uint8_t)sp_dwarf_read_unsigned(&evaluation->reader, 1);
    bool binary =
        (operation >= DW_OP_and && operation <= DW_OP_mul) || (operation >= DW_OP_or && operation <= DW_OP_plus) ||
        (operation >= DW_OP_shl && operation <= DW_OP_xor) || (operation >= DW_OP_eq && operation <= DW_OP_ne);
    if (binary)
        execute_binary(evaluation, operation);
    else if (operation >= DW_OP_lit0 && operation <= DW_OP_lit31)
        push(evaluation, operation - DW_OP_lit0);
    else if (operation >= DW_OP_breg0 && operation <= DW_OP_breg31)
        push_register(evaluation, operation - DW_OP_breg0);
    else if (operation >= DW_OP_const1u && operation <= DW_OP_consts)
        push_constant(evaluation, operation);
    else
        execute_single(evaluation, operation);
}

bool sp_expression_evaluate(const uint8_t *bytes, uint32_t length, const sp_registers *registers,
                            const uintptr_t *initial, sp_stack_memory *stack, uintptr_t *result) {
    sp_evaluation evaluation;
    evaluation.reader = (sp_dwarf_reader){.at = bytes, .end = bytes + length};
    evaluation.start = bytes;
    evaluation.registers = registers;
    evaluation.memory = stack;
    evaluation.depth = 0;
    if (initial) push(&evaluation, *initial);
    for (unsigned steps = 0; evaluation.reader.at < evaluation.reader.end; steps++) {
        if (steps == SP_EXPRESSION_STEPS) return false;
        execute(&evaluation);
    }
    *result = pop(&evaluation);
    return !evaluation.reader.failed;
}
