/* The cache of rules, compared with a naive model and used from several threads. */
#include "rule_cache.h"

#include "support.h"

#define ADDRESS_BITS 48
#define ADDRESS_MASK ((UINT64_C(1) << ADDRESS_BITS) - 1)
#define HASH_FACTOR UINT64_C(0x9E3779B97F4B)

static uint64_t seed;

/* Invert by Newton's method: each step doubles the number of correct bits. */
static uint64_t inverse_of(uint64_t odd) {
    uint64_t inverse = odd;
    for (int i = 0; i < 6; i++) inverse *= 2 - odd * inverse;
    return inverse;
}

/* Return the only address with this hash. */
static uintptr_t address_of_hash(uint64_t hash) {
    return hash * inverse_of(HASH_FACTOR) & ADDRESS_MASK;
}

static uintptr_t address_in_set(uint64_t set, uint32_t tag) {
    return address_of_hash(set << 32 | tag);
}

/* Return a random rule. It is never SP_RULE_NONE. */
static sp_rule rule_of(uintptr_t pc) {
    uint64_t word = pc;
    return (sp_rule)next_random(&word) | sp_rule_of_kind(SP_RULE_SP);
}

static void insert(uintptr_t pc) {
    sp_rule_cache_insert(pc, rule_of(pc));
}

/* ---- Single-threaded ---- */

TEST(test_an_empty_cache_knows_nothing) {
    for (int i = 0; i < 100000; i++) assert_int_equal(sp_rule_cache_find(next_random(&seed) & ADDRESS_MASK), 0);
    assert_int_equal(sp_rule_cache_find(0), SP_RULE_NONE);
    assert_int_equal(sp_rule_cache_count(), 0);
}

TEST(test_set_and_tag_together_are_the_address) {
    for (int i = 0; i < 1000000; i++) {
        uintptr_t pc = next_random(&seed) & ADDRESS_MASK;
        assert_int_equal(address_of_hash(sp_rule_cache_hash(pc)), pc);
    }
    assert_int_equal(sp_rule_cache_hash(ADDRESS_MASK) >> ADDRESS_BITS, 0);
}

TEST(test_a_third_rule_takes_the_place_of_the_oldest) {
    uintptr_t pcs[4];
    for (uint32_t i = 0; i < 4; i++) pcs[i] = address_in_set(77, i * 1000); /* a tag of 0 is valid */
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(sp_rule_cache_find(pcs[i]), SP_RULE_NONE);
        insert(pcs[i]);
        assert_int_equal(sp_rule_cache_find(pcs[i]), rule_of(pcs[i]));
        if (i >= 1) assert_int_equal(sp_rule_cache_find(pcs[i - 1]), rule_of(pcs[i - 1]));
        if (i >= 2) assert_int_equal(sp_rule_cache_find(pcs[i - 2]), SP_RULE_NONE);
        assert_int_equal(sp_rule_cache_count(), i == 0 ? 1 : 2);
    }
}

TEST(test_the_first_and_the_last_set_hold_rules) {
    const uint64_t sets[] = {0, SP_RULE_CACHE_SETS - 1};
    for (size_t i = 0; i < 2; i++) {
        uintptr_t first = address_in_set(sets[i], 0), last = address_in_set(sets[i], UINT32_MAX);
        insert(first);
        insert(last);
        assert_int_equal(sp_rule_cache_find(first), rule_of(first));
        assert_int_equal(sp_rule_cache_find(last), rule_of(last));
    }
    assert_int_equal(sp_rule_cache_count(), 4);
}

TEST(test_a_cleared_cache_is_empty_and_usable) {
    for (uintptr_t pc = 0x400000; pc < 0x401000; pc++) insert(pc);
    assert_int_equal(sp_rule_cache_count(), 0x1000);
    sp_rule_cache_clear();
    assert_int_equal(sp_rule_cache_count(), 0);
    for (uintptr_t pc = 0x400000; pc < 0x401000; pc++) assert_int_equal(sp_rule_cache_find(pc), SP_RULE_NONE);
    insert(0x400000);
    assert_int_equal(sp_rule_cache_find(0x400000), rule_of(0x400000));
    assert_int_equal(sp_rule_cache_count(), 1);
}

/* Addresses that are close together are used together, so they must not fall into the same sets. */
TEST(test_neighbours_do_not_push_each_other_out) {
    const uintptr_t start = 0x7f1234500000;
    for (uintptr_t pc = start; pc < start + SP_RULE_CACHE_SETS; pc++) insert(pc);
    for (uintptr_t pc = start; pc < start + SP_RULE_CACHE_SETS; pc++)
        assert_int_equal(sp_rule_cache_find(pc), rule_of(pc));
    assert_int_equal(sp_rule_cache_count(), SP_RULE_CACHE_SETS);
}

/* ---- Compared with a naive model ---- */

static struct {
    uintptr_t newer, older; /* 0: none */
} model[SP_RULE_CACHE_SETS];

static void insert_into_model(uint64_t set, uintptr_t pc) {
    model[set].older = model[set].newer;
    model[set].newer = pc;
}

/* Return a random address. One in 4 falls into one of eight sets. */
static uintptr_t random_pc(void) {
    uint64_t word = next_random(&seed);
    if (word % 4 == 0) return address_in_set(word >> 2 & 7, (uint32_t)(word >> 40) % 5 * 0x10000001);
    return word >> 16 ? word >> 16 : 1;
}

static void look_up_and_insert(void) {
    uintptr_t pc = random_pc();
    uint64_t set = sp_rule_cache_hash(pc) >> 32;
    if (pc == 0) return;
    bool known = model[set].newer == pc || model[set].older == pc;
    assert_int_equal(sp_rule_cache_find(pc), known ? rule_of(pc) : SP_RULE_NONE);
    if (known) return;
    insert(pc);
    insert_into_model(set, pc);
}

static uint32_t count_model(void) {
    uint32_t count = 0;
    for (size_t set = 0; set < SP_RULE_CACHE_SETS; set++) count += (model[set].newer != 0) + (model[set].older != 0);
    return count;
}

TEST(test_a_million_addresses_are_found_as_a_naive_model_finds_them) {
    for (int i = 0; i < 1000000; i++) look_up_and_insert();
    assert_int_equal(sp_rule_cache_count(), count_model());
    for (size_t set = 0; set < SP_RULE_CACHE_SETS; set++)
        if (model[set].older) assert_int_equal(sp_rule_cache_find(model[set].older), rule_of(model[set].older));
}

/* ---- Threads ---- */

#define WRITERS 2
#define READERS 2
#define POOL 64
#define ROUNDS 300000

static uintptr_t pool[POOL]; /* their hashes are in four sets and have similar tags */
static _Atomic unsigned writing = WRITERS;
static _Atomic uint64_t hits;

static void write_rules(unsigned thread) {
    uint64_t own_seed = thread + 1;
    for (int i = 0; i < ROUNDS; i++) {
        insert(pool[random_below(&own_seed, POOL)]);
        if (i % 10000 == 0 && thread == 0) sp_rule_cache_clear();
    }
    atomic_fetch_sub(&writing, 1);
}

static bool read_rule(uintptr_t pc) {
    sp_rule rule = sp_rule_cache_find(pc);
    CHECK(rule == SP_RULE_NONE || rule == rule_of(pc));
    return rule != SP_RULE_NONE;
}

/* Read until the writers have finished, and then read what they left. */
static void read_rules(unsigned thread) {
    uint64_t own_seed = thread + 1, found = 0;
    while (atomic_load(&writing) > 0) found += read_rule(pool[random_below(&own_seed, POOL)]);
    for (size_t i = 0; i < POOL; i++) found += read_rule(pool[i]);
    atomic_fetch_add(&hits, found);
}

static void write_or_read(unsigned thread, void *argument) {
    (void)argument;
    if (thread < WRITERS)
        write_rules(thread);
    else
        read_rules(thread);
}

TEST(test_a_hit_is_never_another_addresses_rule_while_threads_insert) {
    for (uint32_t i = 0; i < POOL; i++) pool[i] = address_in_set(i % 4, i / 4);
    run_threads(WRITERS + READERS, write_or_read, NULL);
    assert_true(hits > 0);
    assert_in_range(sp_rule_cache_count(), 1, 4 * SP_RULE_CACHE_WAYS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_cache_knows_nothing),
        cmocka_unit_test(test_set_and_tag_together_are_the_address),
        cmocka_unit_test(test_a_third_rule_takes_the_place_of_the_oldest),
        cmocka_unit_test(test_the_first_and_the_last_set_hold_rules),
        cmocka_unit_test(test_a_cleared_cache_is_empty_and_usable),
        cmocka_unit_test(test_neighbours_do_not_push_each_other_out),
        cmocka_unit_test(test_a_million_addresses_are_found_as_a_naive_model_finds_them),
        cmocka_unit_test(test_a_hit_is_never_another_addresses_rule_while_threads_insert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
