/* 32-bit rules compared with the rows from which they are made, at every address that tables describe. */
#include "rule.h"

#include "caller.h"
#include "eh_frame.h"
#include "objects.h"
#include "tap.h"

#include <dlfcn.h>
#include <string.h>

#define STACK_WORDS (1 << 16)

static uint64_t seed = 1;
static uintptr_t words[STACK_WORDS];

/* Return a word with or without a signature. It is never 0, which would look like unwritten memory. */
static void fill_stack(void) {
    for (size_t i = 0; i < STACK_WORDS; i++) words[i] = next_random(&seed) >> random_below(&seed, 32) | 1;
}

static sp_stack_memory whole_stack(void) {
    uintptr_t high = (uintptr_t)(words + STACK_WORDS);
    return (sp_stack_memory){.low = (uintptr_t)words, .high = high, .limit = high};
}

/* ---- One address ---- */

static struct {
    size_t addresses, by_kind[SP_RULE_NO_TABLE + 1];
    size_t calls, evaluated_calls;
    size_t stepped, refused;
} met;

static bool step_by_row(const sp_cfi_row *row, const sp_fde *fde, sp_frame *frame) {
    sp_registers registers = {.known = 0};
    sp_stack_memory stack = whole_stack();
    uintptr_t before = frame->sp;
    sp_registers_set(&registers, SP_REGISTER_SP, frame->sp);
    sp_registers_set(&registers, SP_REGISTER_FP, frame->fp);
    if (sp_caller_find(row, fde, &registers, &stack) != SP_CALLER_FOUND) return false;
    frame->pc = registers.value[SP_REGISTER_PC];
    frame->sp = registers.value[SP_REGISTER_SP];
    return sp_registers_get(&registers, SP_REGISTER_FP, &frame->fp) && frame->sp > before;
}

static void compare_steps(const sp_cfi_row *row, const sp_fde *fde, sp_rule rule) {
    sp_frame quick = {.sp = (uintptr_t)&words[random_below(&seed, STACK_WORDS)],
                      .fp = (uintptr_t)&words[random_below(&seed, STACK_WORDS)]};
    sp_frame slow = quick;
    sp_stack_memory stack = whole_stack();
    bool stepped = sp_rule_step(rule, &quick, &stack);
    CHECK(stepped == step_by_row(row, fde, &slow));
    CHECK(!stepped || memcmp(&quick, &slow, sizeof quick) == 0);
    CHECK(!stepped || quick.pc >> 48 == 0);
    met.stepped += stepped;
    met.refused += !stepped;
}

static bool is_call(uintptr_t pc) {
    uint32_t instruction = *(const uint32_t *)pc;
    return instruction >> 26 == 0x25 || (instruction & 0xFFFFFC1F) == 0xD63F0000;
}

static void visit(const sp_eh_image *image, const sp_fde *fde, uintptr_t pc) {
    sp_cfi_row row;
    CHECK(sp_cfi_row_at(image, fde, pc, &row));
    sp_rule rule = sp_rule_encode(&row, fde);
    sp_rule_kind kind = sp_rule_kind_of(rule);
    met.addresses++;
    met.by_kind[kind]++;
    met.calls += is_call(pc);
    met.evaluated_calls += is_call(pc) && kind == SP_RULE_EVALUATE;
    if (kind <= SP_RULE_FP_LOAD) compare_steps(&row, fde, rule);
}

/* ---- One object ---- */

static void visit_object(uintptr_t address) {
    sp_object object;
    sp_fde fde;
    CHECK(sp_objects_find(address, &object));
    sp_eh_image image = {.start = object.eh_start, .end = object.eh_end, .header = object.eh_header};
    memset(&met, 0, sizeof met);
    for (uintptr_t pc = object.start; pc < (uintptr_t)object.eh_end; pc += 4) {
        if (!sp_eh_frame_find(&image, pc, &fde)) continue;
        for (; pc < fde.pc_end; pc += 4) visit(&image, &fde, pc);
        pc -= 4;
    }
    printf("# %zu addresses, %zu of them calls: %zu evaluated\n", met.addresses, met.calls, met.evaluated_calls);
    CHECK(met.by_kind[SP_RULE_NONE] + met.by_kind[SP_RULE_NO_TABLE] == 0);
    CHECK(met.stepped > met.refused);
}

static void test_libc(void) {
    visit_object((uintptr_t)dlsym(RTLD_DEFAULT, "qsort"));
    CHECK(met.addresses > 200000);
    CHECK(met.by_kind[SP_RULE_SP] > 100000 && met.by_kind[SP_RULE_FP] > 10000 && met.by_kind[SP_RULE_EVALUATE] > 1000);
}

static void test_nearly_every_call_in_libc_has_a_rule(void) {
    CHECK(met.calls > 10000 && met.evaluated_calls * 500 < met.calls);
}

static void test_the_loader(void) {
    visit_object((uintptr_t)dlsym(RTLD_DEFAULT, "__tls_get_addr"));
    CHECK(met.addresses > 20000);
}

static void test_this_program_with_frames_of_every_kind(void) {
    visit_object((uintptr_t)&visit_object);
    CHECK(met.by_kind[SP_RULE_SP] > 1000 && met.by_kind[SP_RULE_FP] > 100 && met.by_kind[SP_RULE_EVALUATE] > 100);
    CHECK(met.by_kind[SP_RULE_FP_LOAD] > 0 && met.by_kind[SP_RULE_END] > 0);
}

int main(void) {
    sp_objects_prepare(true);
    fill_stack();
    RUN(test_libc);
    RUN(test_nearly_every_call_in_libc_has_a_rule);
    RUN(test_the_loader);
    RUN(test_this_program_with_frames_of_every_kind);
    return EXIT_SUCCESS;
}
