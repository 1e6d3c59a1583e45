/* cfi.h: how to find a function's caller from one address in it: the row of its call frame table.
 *
 *   CFA (the stack pointer before the call)   register + offset, or an expression
 *   each register of the caller               still in place | in memory at CFA + offset | CFA + offset itself |
 *                                             in another register | given by an expression, as a value or an address |
 *                                             lost
 *
 * Memory:  the caller's row (320 bytes on x86-64, 576 on aarch64) and nine more rows on the C stack, one for each
 *          remembered state. Allocates nothing.
 * Threads, signals: any.
 */
#ifndef SP_CFI_H
#define SP_CFI_H

#include "eh_frame.h"
#include "registers.h"

typedef enum sp_cfi_place {
    SP_CFI_UNSPECIFIED, /* no instruction: in place if functions save this register, otherwise lost */
    SP_CFI_SAME_VALUE,
    SP_CFI_UNDEFINED, /* lost; for the return address: there is no caller */
    SP_CFI_AT_OFFSET, /* at CFA + offset */
    SP_CFI_IS_OFFSET, /* CFA + offset itself */
    SP_CFI_IN_REGISTER,
    SP_CFI_AT_EXPRESSION, /* the expression computes the address, with the CFA on its stack */
    SP_CFI_IS_EXPRESSION
} sp_cfi_place;

typedef struct sp_cfi_rule {
    sp_cfi_place place;
    uint32_t length; /* of the expression */
    union {
        int64_t offset;
        uint64_t number; /* of the register, which may be one that is not tracked */
        const uint8_t *expression;
    };
} sp_cfi_rule;

typedef struct sp_cfi_row {
    bool cfa_is_expression;
    bool return_address_signed; /* aarch64: pointer authentication */
    uint32_t cfa_length;
    uint64_t cfa_register; /* register number as in the instructions; may be one that is not tracked */
    union {
        int64_t cfa_offset;
        const uint8_t *cfa_expression;
    };
    sp_cfi_rule rules[SP_REGISTER_COUNT]; /* including the return column's */
} sp_cfi_row;

/* Compute the row for `pc`. Return false if the instructions cannot be read, need more than eight remembered states,
 * define no CFA, or are not in `image`. Instructions about untracked registers (vectors) are skipped. */
bool sp_cfi_row_at(const sp_eh_image *image, const sp_fde *fde, uintptr_t pc, sp_cfi_row *row);

#endif
