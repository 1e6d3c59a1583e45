/* Treats any bytes as an object's unwind description. The bytes are searched, read and evaluated, and no other memory
 * may be accessed.
 *
 *   input: [ pc: 4 | flags: 1 | form: 1 | offset of .eh_frame_hdr: 2 ][ image … ]
 *
 * Some inputs are not a whole image but the instructions of one function, or one expression: chance alone would rarely
 * produce an image in which so many parts are valid. The image is at the same address each time, so that an input with
 * absolute addresses always has the same meaning.
 */
#include "cfi.h"
#include "expression.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

#define ARENA ((uint8_t *)UINT64_C(0x20000000))
#define IMAGE_MAX (1 << 16)
#define REDZONE 64
#define STACK_WORDS 64
#define PAIRS_TRIED 4 /* functions named by the sorted table */

enum { PC_IS_ABSOLUTE = 1, REGISTERS_UNKNOWN = 2 };
enum { WHOLE_IMAGE, INSTRUCTIONS, EXPRESSION, FORMS };

typedef struct control {
    int32_t pc;
    uint8_t flags, form;
    uint16_t header;
} control;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition) {
    if (!condition) abort();
}

/* ---- The surroundings of the tables ---- */

bool sp_stack_memory_extend_slow(sp_stack_memory *stack, uintptr_t address) {
    (void)stack, (void)address;
    return false;
}

static uintptr_t words[STACK_WORDS];

/* Makes every word point to another word, and every register to one of the words. */
static void prepare_stack(sp_registers *registers, uintptr_t pc, uint8_t flags) {
    for (unsigned i = 0; i < STACK_WORDS; i++) words[i] = (uintptr_t)&words[(7 * i + 1) % STACK_WORDS];
    registers->known = flags & REGISTERS_UNKNOWN ? 0 : UINT64_MAX;
    for (unsigned i = 0; i < SP_REGISTER_COUNT; i++) registers->value[i] = (uintptr_t)&words[i];
    registers->value[SP_REGISTER_PC] = pc;
}

static const uint8_t *place_image(const uint8_t *bytes, size_t size) {
    static bool mapped;
    if (!mapped) {
        void *arena = mmap(ARENA, REDZONE + IMAGE_MAX + REDZONE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        require(arena == ARENA);
        mapped = true;
    }
    ASAN_POISON_MEMORY_REGION(ARENA, REDZONE + IMAGE_MAX + REDZONE);
    ASAN_UNPOISON_MEMORY_REGION(ARENA + REDZONE, size);
    return memcpy(ARENA + REDZONE, bytes, size);
}

/* ---- Use of the tables ---- */

static void evaluate(const uint8_t *bytes, uint32_t length, uintptr_t pc, uint8_t flags, const uintptr_t *initial) {
    sp_stack_memory stack = {.low = (uintptr_t)words, .high = (uintptr_t)(words + STACK_WORDS)};
    sp_registers registers;
    uintptr_t result;
    prepare_stack(&registers, pc, flags);
    sp_expression_evaluate(bytes, length, &registers, initial, &stack, &result);
}

static void require_inside(const sp_fde *fde, const uint8_t *bytes, uint32_t length) {
    require((bytes >= fde->cie_program && bytes + length <= fde->cie_program_end) ||
            (bytes >= fde->fde_program && bytes + length <= fde->fde_program_end));
}

static void evaluate_row(const sp_fde *fde, const sp_cfi_row *row, uintptr_t pc, uint8_t flags) {
    uintptr_t cfa = (uintptr_t)&words[STACK_WORDS / 2];
    if (row->cfa_is_expression) {
        require_inside(fde, row->cfa_expression, row->cfa_length);
        evaluate(row->cfa_expression, row->cfa_length, pc, flags, NULL);
    }
    for (unsigned i = 0; i < SP_REGISTER_COUNT; i++) {
        const sp_cfi_rule *rule = &row->rules[i];
        require(rule->place <= SP_CFI_IS_EXPRESSION);
        if (rule->place != SP_CFI_AT_EXPRESSION && rule->place != SP_CFI_IS_EXPRESSION) continue;
        require_inside(fde, rule->expression, rule->length);
        evaluate(rule->expression, rule->length, pc, flags, &cfa);
    }
}

static void check_fde(const sp_eh_image *image, const sp_fde *fde, uintptr_t pc) {
    require(fde->pc_start <= pc && pc < fde->pc_end);
    require(image->start <= fde->cie_program && fde->cie_program <= fde->cie_program_end);
    require(image->start <= fde->fde_program && fde->fde_program <= fde->fde_program_end);
    require(fde->cie_program_end <= image->end && fde->fde_program_end <= image->end);
    require(fde->return_column < SP_REGISTER_COUNT);
}

/* Evaluates the rows at `pc` and at four addresses between the first and the last, including both. */
static void look_up_rows(const sp_eh_image *image, const sp_fde *fde, uintptr_t pc, uint8_t flags) {
    uintptr_t third = (fde->pc_end - 1 - fde->pc_start) / 3;
    const uintptr_t places[] = {pc, fde->pc_start, fde->pc_start + third, fde->pc_end - 1 - third, fde->pc_end - 1};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        sp_cfi_row row;
        if (sp_cfi_row_at(image, fde, places[i], &row)) evaluate_row(fde, &row, places[i], flags);
    }
}

static void look_up(const sp_eh_image *image, uintptr_t pc, uint8_t flags) {
    sp_fde fde;
    if (!sp_eh_frame_find(image, pc, &fde)) return;
    check_fde(image, &fde, pc);
    look_up_rows(image, &fde, pc, flags);
}

/* Looks up the start addresses that a table of the usual form contains for its first functions. */
static void look_up_pairs(const sp_eh_image *image, uint8_t flags) {
    enum { FIRST_PAIR = 12, PAIR = 8 };
    for (unsigned i = 0; i < PAIRS_TRIED; i++) {
        size_t at = FIRST_PAIR + PAIR * i;
        int32_t start;
        if (at + sizeof start > (size_t)(image->end - image->header)) return;
        memcpy(&start, image->header + at, sizeof start);
        look_up(image, (uintptr_t)image->header + (uintptr_t)start, flags);
    }
}

/* Runs a CIE's instructions up to the header, then a function's. */
static void run_instructions(const sp_eh_image *image, uintptr_t pc, uint8_t flags) {
    const sp_fde fde = {.pc_start = pc - 16,
                        .pc_end = pc + 16,
                        .cie_program = image->start,
                        .cie_program_end = image->header,
                        .fde_program = image->header,
                        .fde_program_end = image->end,
                        .code_alignment = 1,
                        .data_alignment = -8,
                        .return_column = SP_REGISTER_FP,
                        .pointer_encoding = flags};
    look_up_rows(image, &fde, pc, flags);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    control control;
    if (size <= sizeof control || size - sizeof control > IMAGE_MAX) return 0;
    memcpy(&control, bytes, sizeof control);
    bytes += sizeof control;
    size -= sizeof control;
    sp_eh_image image = {.start = place_image(bytes, size)};
    image.end = image.start + size;
    image.header = image.start + control.header % size;
    uintptr_t from = control.flags & PC_IS_ABSOLUTE ? 0 : (uintptr_t)image.start;
    uintptr_t pc = from + (uintptr_t)control.pc;
    switch (control.form % FORMS) {
    case WHOLE_IMAGE:
        look_up(&image, pc, control.flags);
        look_up_pairs(&image, control.flags);
        break;
    case INSTRUCTIONS:
        run_instructions(&image, pc, control.flags);
        break;
    case EXPRESSION:
        evaluate(image.start, (uint32_t)size, pc, control.flags, NULL);
        break;
    }
    return 0;
}
