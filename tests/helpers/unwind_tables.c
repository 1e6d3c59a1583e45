/* Prints rows of call frame tables as `readelf --debug-dump=frames-interp` does, so that the two outputs can be
 * compared.
 */
#include "cfi.h"
#include "eh_frame.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
static const char *const names[SP_REGISTER_COUNT] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
                                                     "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip"};
#elif defined(__aarch64__)
static const char *const names[SP_REGISTER_COUNT] = {"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",
                                                     "x9",  "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
                                                     "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26",
                                                     "x27", "x28", "x29", "x30", "sp",  "pc"};
#endif

static const char *name_of(uint64_t number) {
    return number < SP_REGISTER_COUNT ? names[number] : "other";
}

static int write_cfa(const sp_cfi_row *row, char *out) {
    if (row->cfa_is_expression) return sprintf(out, "CFA=exp");
    return sprintf(out, "CFA=%s%+lld", name_of(row->cfa_register), (long long)row->cfa_offset);
}

static int write_rule(const sp_cfi_rule *rule, const char *name, char *out) {
    switch (rule->place) {
    case SP_CFI_UNSPECIFIED:
    case SP_CFI_UNDEFINED:
        return sprintf(out, " %s=u", name);
    case SP_CFI_SAME_VALUE:
        return sprintf(out, " %s=s", name);
    case SP_CFI_AT_OFFSET:
        return sprintf(out, " %s=c%+lld", name, (long long)rule->offset);
    case SP_CFI_IS_OFFSET:
        return sprintf(out, " %s=v%+lld", name, (long long)rule->offset);
    case SP_CFI_IN_REGISTER:
        return sprintf(out, " %s=r%llu", name, (unsigned long long)rule->number);
    case SP_CFI_AT_EXPRESSION:
        return sprintf(out, " %s=exp", name);
    case SP_CFI_IS_EXPRESSION:
        return sprintf(out, " %s=vexp", name);
    }
    return 0;
}

/* Writes "CFA=… register=… …", "none" if there is no function at `pc`, or "unreadable". The return address column is
 * called ra. `start` and `end` receive the function's addresses. `out` must hold 1 KiB. */
void describe_row(const uint8_t *bytes, size_t length, size_t header, uintptr_t pc, uintptr_t *start, uintptr_t *end,
                  char *out) {
    sp_eh_image image = {.start = bytes, .end = bytes + length, .header = bytes + header};
    sp_fde fde;
    sp_cfi_row row;
    strcpy(out, "none");
    if (!sp_eh_frame_find(&image, pc, &fde)) return;
    *start = fde.pc_start;
    *end = fde.pc_end;
    strcpy(out, "unreadable");
    if (!sp_cfi_row_at(&image, &fde, pc, &row)) return;
    out += write_cfa(&row, out);
    for (unsigned i = 0; i < SP_REGISTER_COUNT; i++)
        out += write_rule(&row.rules[i], i == fde.return_column ? "ra" : names[i], out);
}
