/* 48-bit addresses, up to the highest one available to user space here, and the bits stored above them. */
#include "merge.h"
#include "registers.h"
#include "rule_cache.h"
#include "spprof.h"
#include "tap.h"

#include <string.h>

#define ADDRESS_BITS 48
#define HIGHEST ((UINT64_C(1) << ADDRESS_BITS) - 1)

static uint64_t seed = 1;

/* This is in the upper half of user space, which x86-64 does not have. */
static uintptr_t any_address(void) {
    return next_random(&seed) >> (64 - ADDRESS_BITS) | UINT64_C(1) << (ADDRESS_BITS - 1);
}

static void test_a_signature_is_taken_off_and_nothing_else(void) {
    for (int i = 0; i < 10000; i++) {
        uintptr_t address = any_address();
        CHECK(sp_strip_signature(address) == address);
        CHECK(sp_strip_signature(address | next_random(&seed) << ADDRESS_BITS) == address);
    }
    CHECK(sp_strip_signature(HIGHEST) == HIGHEST);
    CHECK(sp_strip_signature(UINT64_MAX) == HIGHEST);
}

static void test_the_processor_signs_above_48_bits(void) {
    uintptr_t address = (uintptr_t)&any_address;
    for (uintptr_t modifier = 0; modifier < 1000; modifier++) {
        register uintptr_t value __asm__("x17") = address;
        register uintptr_t with __asm__("x16") = modifier;
        __asm__("hint #8" : "+r"(value) : "r"(with)); /* pacia1716 */
        CHECK(sp_strip_signature(value) == address);
    }
}

static void test_rules_of_all_addresses_are_kept_apart(void) {
    for (int i = 0; i < 100000; i++) {
        uintptr_t address = any_address();
        sp_rule rule = sp_rule_of_kind(SP_RULE_SP) | (uint32_t)i;
        sp_rule_cache_insert(address, rule);
        CHECK(sp_rule_cache_find(address) == rule);
        CHECK(sp_rule_cache_find(address ^ UINT64_C(1) << (ADDRESS_BITS - 1)) != rule);
    }
}

static bool nothing_is_own(uintptr_t address) {
    (void)address;
    return false;
}

static void test_a_frame_is_a_native_one_wherever_it_lies(void) {
    uintptr_t addresses[100], ends[100];
    uint64_t frames[100];
    for (size_t i = 0; i < 100; i++) addresses[i] = any_address();
    for (size_t i = 0; i < 100; i++) ends[i] = i;
    sp_native_stack native = {.addresses = addresses, .ends = ends, .capacity = 100, .count = 100};
    sp_merged_stack merged = {.frames = frames, .capacity = 100};
    sp_merge(&native, &(sp_interpreter_stack){.count = 0}, nothing_is_own, &merged);
    CHECK(merged.count == 100 && memcmp(frames, addresses, sizeof frames) == 0);
    CHECK(SPPROF_FRAME_GENERATION_SHIFT == ADDRESS_BITS);
}

int main(void) {
    RUN(test_a_signature_is_taken_off_and_nothing_else);
    RUN(test_the_processor_signs_above_48_bits);
    RUN(test_rules_of_all_addresses_are_kept_apart);
    RUN(test_a_frame_is_a_native_one_wherever_it_lies);
    return EXIT_SUCCESS;
}
