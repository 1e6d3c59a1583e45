#include "cfi.h"

#include "dwarf_reader.h"

#define STATES_MAX 8 /* compilers nest at most one or two */
#define NO_REGISTER UINT64_MAX

/* Three kinds of instruction have their operand in the low six bits. */
enum { OPCODE_MASK = 0xC0, OPERAND_MASK = 0x3F };

enum {
    DW_CFA_nop = 0x00,
    DW_CFA_set_loc = 0x01,
    DW_CFA_advance_loc1 = 0x02,
    DW_CFA_advance_loc2 = 0x03,
    DW_CFA_advance_loc4 = 0x04,
    DW_CFA_offset_extended = 0x05,
    DW_CFA_restore_extended = 0x06,
    DW_CFA_undefined = 0x07,
    DW_CFA_same_value = 0x08,
    DW_CFA_register = 0x09,
    DW_CFA_remember_state = 0x0A,
    DW_CFA_restore_state = 0x0B,
    DW_CFA_def_cfa = 0x0C,
    DW_CFA_def_cfa_register = 0x0D,
    DW_CFA_def_cfa_offset = 0x0E,
    DW_CFA_def_cfa_expression = 0x0F,
    DW_CFA_expression = 0x10,
    DW_CFA_offset_extended_sf = 0x11,
    DW_CFA_def_cfa_sf = 0x12,
    DW_CFA_def_cfa_offset_sf = 0x13,
    DW_CFA_val_offset = 0x14,
    DW_CFA_val_offset_sf = 0x15,
    DW_CFA_val_expression = 0x16,
    DW_CFA_MIPS_advance_loc8 = 0x1D,
    DW_CFA_AARCH64_negate_ra_state_with_pc = 0x2C,
    DW_CFA_AARCH64_negate_ra_state = 0x2D,
    DW_CFA_GNU_args_size = 0x2E,
    DW_CFA_GNU_negative_offset_extended = 0x2F,
    DW_CFA_advance_loc = 0x40,
    DW_CFA_offset = 0x80,
    DW_CFA_restore = 0xC0
};

/* The state of the interpreter for call frame instructions. Errors mark the reader as failed. */
typedef struct sp_cfi_machine {
    sp_dwarf_reader reader;
    const sp_fde *fde;
    uintptr_t location; /* the row is valid from here on */
    sp_cfi_row *row;
    sp_cfi_row initial; /* the row as the CIE left it */
    sp_cfi_row remembered[STATES_MAX];
    unsigned depth;
    sp_cfi_rule ignored; /* the rule that is written for any untracked register, such as a vector register */
} sp_cfi_machine;

/* ---- Operands ---- */

static uint64_t read_uleb(sp_cfi_machine *machine) {
    return sp_dwarf_read_uleb(&machine->reader);
}

static int64_t read_offset(sp_cfi_machine *machine) {
    uint64_t offset = read_uleb(machine);
    if (offset > INT64_MAX) sp_dwarf_fail(&machine->reader);
    return (int64_t)offset;
}

static int64_t factored(sp_cfi_machine *machine, int64_t offset) {
    if (__builtin_mul_overflow(offset, machine->fde->data_alignment, &offset)) sp_dwarf_fail(&machine->reader);
    return offset;
}

static int64_t read_factored(sp_cfi_machine *machine) {
    return factored(machine, read_offset(machine));
}

static int64_t read_signed_factored(sp_cfi_machine *machine) {
    return factored(machine, sp_dwarf_read_sleb(&machine->reader));
}

static const uint8_t *read_expression(sp_cfi_machine *machine, uint32_t *length) {
    uint64_t bytes = read_uleb(machine);
    if (bytes > UINT32_MAX) sp_dwarf_fail(&machine->reader);
    *length = (uint32_t)bytes;
    return sp_dwarf_read_block(&machine->reader, bytes);
}

/* ---- Location ---- */

static void advance(sp_cfi_machine *machine, uint64_t delta) {
    uint64_t bytes;
    if (__builtin_mul_overflow(delta, machine->fde->code_alignment, &bytes) ||
        __builtin_add_overflow(machine->location, bytes, &machine->location))
        sp_dwarf_fail(&machine->reader);
}

static void advance_by_operand(sp_cfi_machine *machine, size_t size) {
    advance(machine, sp_dwarf_read_unsigned(&machine->reader, size));
}

static void set_location(sp_cfi_machine *machine) {
    machine->location = sp_dwarf_read_pointer(&machine->reader, machine->fde->pointer_encoding, 0);
}

/* ---- CFA ---- */

static void set_cfa(sp_cfi_machine *machine, uint64_t number, int64_t offset) {
    machine->row->cfa_is_expression = false;
    machine->row->cfa_length = 0;
    machine->row->cfa_register = number;
    machine->row->cfa_offset = offset;
}

/* Change one half of register + offset, which must already be set. */
static void set_cfa_register(sp_cfi_machine *machine, uint64_t number) {
    if (machine->row->cfa_is_expression) sp_dwarf_fail(&machine->reader);
    machine->row->cfa_register = number;
}

static void set_cfa_offset(sp_cfi_machine *machine, int64_t offset) {
    if (machine->row->cfa_is_expression) sp_dwarf_fail(&machine->reader);
    machine->row->cfa_offset = offset;
}

static void set_cfa_expression(sp_cfi_machine *machine) {
    machine->row->cfa_is_expression = true;
    machine->row->cfa_register = NO_REGISTER;
    machine->row->cfa_expression = read_expression(machine, &machine->row->cfa_length);
}

/* ---- Rules ---- */

static sp_cfi_rule *rule_of(sp_cfi_machine *machine, uint64_t number) {
    return number < SP_REGISTER_COUNT ? &machine->row->rules[number] : &machine->ignored;
}

static void set_place(sp_cfi_machine *machine, uint64_t number, sp_cfi_place place) {
    *rule_of(machine, number) = (sp_cfi_rule){.place = place};
}

static void set_offset(sp_cfi_machine *machine, uint64_t number, sp_cfi_place place, int64_t offset) {
    *rule_of(machine, number) = (sp_cfi_rule){.place = place, .offset = offset};
}

static void set_register(sp_cfi_machine *machine, uint64_t number) {
    *rule_of(machine, number) = (sp_cfi_rule){.place = SP_CFI_IN_REGISTER, .number = read_uleb(machine)};
}

static void set_expression(sp_cfi_machine *machine, uint64_t number, sp_cfi_place place) {
    sp_cfi_rule rule = {.place = place};
    rule.expression = read_expression(machine, &rule.length);
    *rule_of(machine, number) = rule;
}

static void set_negative_offset(sp_cfi_machine *machine, uint64_t number) {
    int64_t offset = read_factored(machine);
    if (__builtin_sub_overflow(0, offset, &offset)) sp_dwarf_fail(&machine->reader);
    set_offset(machine, number, SP_CFI_AT_OFFSET, offset);
}

static void restore(sp_cfi_machine *machine, uint64_t number) {
    if (number < SP_REGISTER_COUNT) machine->row->rules[number] = machine->initial.rules[number];
}

/* ---- Rows ---- */

static void remember_state(sp_cfi_machine *machine) {
    if (machine->depth < STATES_MAX)
        machine->remembered[machine->depth++] = *machine->row;
    else
        sp_dwarf_fail(&machine->reader);
}

static void restore_state(sp_cfi_machine *machine) {
    if (machine->depth > 0)
        *machine->row = machine->remembered[--machine->depth];
    else
        sp_dwarf_fail(&machine->reader);
}

/* ---- Instructions ---- */

/* Execute an instruction that begins with a register's number and says where the caller's value is. */
static void execute_rule(sp_cfi_machine *machine, uint8_t opcode) {
    uint64_t number = read_uleb(machine);
    switch (opcode) {
    case DW_CFA_offset_extended:
        return set_offset(machine, number, SP_CFI_AT_OFFSET, read_factored(machine));
    case DW_CFA_offset_extended_sf:
        return set_offset(machine, number, SP_CFI_AT_OFFSET, read_signed_factored(machine));
    case DW_CFA_GNU_negative_offset_extended:
        return set_negative_offset(machine, number);
    case DW_CFA_val_offset:
        return set_offset(machine, number, SP_CFI_IS_OFFSET, read_factored(machine));
    case DW_CFA_val_offset_sf:
        return set_offset(machine, number, SP_CFI_IS_OFFSET, read_signed_factored(machine));
    case DW_CFA_restore_extended:
        return restore(machine, number);
    case DW_CFA_undefined:
        return set_place(machine, number, SP_CFI_UNDEFINED);
    case DW_CFA_same_value:
        return set_place(machine, number, SP_CFI_SAME_VALUE);
    case DW_CFA_register:
        return set_register(machine, number);
    case DW_CFA_expression:
        return set_expression(machine, number, SP_CFI_AT_EXPRESSION);
    case DW_CFA_val_expression:
        return set_expression(machine, number, SP_CFI_IS_EXPRESSION);
    default: /* unknown length */
        sp_dwarf_fail(&machine->reader);
    }
}

/* Execute an instruction that defines the CFA; pass others on to the next function. */
static void execute_cfa(sp_cfi_machine *machine, uint8_t opcode) {
    uint64_t number;
    switch (opcode) {
    case DW_CFA_def_cfa:
        number = read_uleb(machine);
        return set_cfa(machine, number, read_offset(machine));
    case DW_CFA_def_cfa_sf:
        number = read_uleb(machine);
        return set_cfa(machine, number, read_signed_factored(machine));
    case DW_CFA_def_cfa_register:
        return set_cfa_register(machine, read_uleb(machine));
    case DW_CFA_def_cfa_offset:
        return set_cfa_offset(machine, read_offset(machine));
    case DW_CFA_def_cfa_offset_sf:
        return set_cfa_offset(machine, read_signed_factored(machine));
    case DW_CFA_def_cfa_expression:
        return set_cfa_expression(machine);
    default:
        execute_rule(machine, opcode);
    }
}

/* Execute an instruction that moves the location, changes whole rows, or does nothing; pass others on to the next
 * function. */
static void execute_extended(sp_cfi_machine *machine, uint8_t opcode) {
    switch (opcode) {
    case DW_CFA_nop:
        return;
    case DW_CFA_set_loc:
        return set_location(machine);
    case DW_CFA_advance_loc1:
        return advance_by_operand(machine, 1);
    case DW_CFA_advance_loc2:
        return advance_by_operand(machine, 2);
    case DW_CFA_advance_loc4:
        return advance_by_operand(machine, 4);
    case DW_CFA_MIPS_advance_loc8:
        return advance_by_operand(machine, 8);
    case DW_CFA_remember_state:
        return remember_state(machine);
    case DW_CFA_restore_state:
        return restore_state(machine);
    case DW_CFA_AARCH64_negate_ra_state:
    case DW_CFA_AARCH64_negate_ra_state_with_pc:
        machine->row->return_address_signed = !machine->row->return_address_signed;
        return;
    case DW_CFA_GNU_args_size:
        read_uleb(machine);
        return;
    default:
        execute_cfa(machine, opcode);
    }
}

static void execute(sp_cfi_machine *machine) {
    uint8_t byte = (uint8_t)sp_dwarf_read_unsigned(&machine->reader, 1);
    uint8_t operand = byte & OPERAND_MASK;
    switch (byte & OPCODE_MASK) {
    case DW_CFA_advance_loc:
        return advance(machine, operand);
    case DW_CFA_offset:
        return set_offset(machine, operand, SP_CFI_AT_OFFSET, read_factored(machine));
    case DW_CFA_restore:
        return restore(machine, operand);
    default:
        execute_extended(machine, byte);
    }
}

/* Execute instructions until one moves the location past `pc`. */
static bool run(sp_cfi_machine *machine, const uint8_t *program, const uint8_t *end, uintptr_t pc) {
    machine->reader = (sp_dwarf_reader){.at = program, .end = end};
    machine->location = machine->fde->pc_start;
    while (machine->reader.at < machine->reader.end && machine->location <= pc) execute(machine);
    return !machine->reader.failed;
}

static bool is_inside(const sp_eh_image *image, const uint8_t *program, const uint8_t *end) {
    return image->start <= program && program <= end && end <= image->end;
}

bool sp_cfi_row_at(const sp_eh_image *image, const sp_fde *fde, uintptr_t pc, sp_cfi_row *row) {
    if (!is_inside(image, fde->cie_program, fde->cie_program_end)) return false;
    if (!is_inside(image, fde->fde_program, fde->fde_program_end)) return false;
    sp_cfi_machine machine; /* 3 KiB, not initialized: nothing is read before it is written */
    machine.fde = fde;
    machine.row = row;
    machine.depth = 0;
    *row = machine.initial = (sp_cfi_row){.cfa_register = NO_REGISTER};
    if (!run(&machine, fde->cie_program, fde->cie_program_end, pc)) return false;
    machine.initial = *row;
    if (!run(&machine, fde->fde_program, fde->fde_program_end, pc)) return false;
    return row->cfa_is_expression || row->cfa_register != NO_REGISTER;
}
