/* The library, preloaded before another allocator (tests/specimens/other_allocator.c). The test runs with both. */
#include "spprof.h"
#include "support.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>

static unsigned long *allocations, *frees;
static void (**before_letting_go)(void *address);

static void find_other_allocator(void) {
    allocations = dlsym(RTLD_DEFAULT, "other_allocator_allocations");
    frees = dlsym(RTLD_DEFAULT, "other_allocator_frees");
    before_letting_go = dlsym(RTLD_DEFAULT, "other_allocator_before_letting_go");
    assert_true(allocations && frees && before_letting_go);
    assert_int_equal(spprof_start(0, NULL), SPPROF_OK);
}

static spprof_stats stats(void) {
    spprof_stats stats;
    spprof_get_stats(&stats);
    return stats;
}

static size_t opaque(size_t size) {
    __asm__("" : "+r"(size));
    return size;
}

TEST(test_the_other_allocator_is_asked_for_every_block) {
    find_other_allocator();
    unsigned long allocations_before = *allocations, frees_before = *frees;
    void *kept[4] = {malloc(opaque(10)), calloc(opaque(3), 5), memalign(opaque(64), 10), aligned_alloc(opaque(64), 64)};
    assert_int_equal(*allocations - allocations_before, 4);
    kept[0] = realloc(kept[0], opaque(5000));
    assert_int_equal(*allocations - allocations_before, 5);
    assert_int_equal(stats().live_bytes, (5000 + 15 + 10 + 64) * SPPROF_BYTES_ONE);
    for (int i = 0; i < 4; i++) free(kept[i]);
    assert_int_equal(*frees - frees_before, 4);
    assert_int_equal(stats().total_samples, 5);
    assert_int_equal(stats().live_samples, 0);
}

/* The pointer is volatile, because libc declares that free calls no function of the program. */
static void *volatile let_go;
static volatile size_t listed_then;

static void look_whether_it_is_listed(void *address) {
    let_go = address;
    listed_then = spprof_copy_live(NULL, 0);
}

/* Once the block is freed, another thread may get its address, and that thread's sample would be mistaken for the
 * old one. */
static void assert_forgotten_before(void (*release)(void *block)) {
    void *block = malloc(opaque(100));
    assert_int_equal(spprof_copy_live(NULL, 0), 1);
    listed_then = SIZE_MAX;
    release(block);
    assert_int_equal(listed_then, 0);
    assert_int_equal(let_go, opaque((uintptr_t)block));
}

static void release_sized(void *block) {
    void (*free_sized)(void *, size_t) = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
    free_sized(block, 100);
}

TEST(test_an_address_is_forgotten_before_it_is_freed) {
    find_other_allocator();
    *before_letting_go = look_whether_it_is_listed;
    assert_forgotten_before(free);
    assert_forgotten_before(release_sized);
}

TEST(test_an_address_is_forgotten_before_it_is_moved) {
    find_other_allocator();
    *before_letting_go = look_whether_it_is_listed;
    void *block = malloc(opaque(100));
    void *moved = realloc(block, opaque(1000));
    assert_int_equal(listed_then, 0);
    *before_letting_go = NULL;
    free(moved);
    assert_int_equal(stats().live_samples, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_other_allocator_is_asked_for_every_block),
        cmocka_unit_test(test_an_address_is_forgotten_before_it_is_freed),
        cmocka_unit_test(test_an_address_is_forgotten_before_it_is_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
