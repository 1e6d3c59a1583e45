/* Which memory is readable, which pages are resident, what copies hold, and what an emptied page does. */
#include "memory.h"

#include "readable_pages.h"
#include "support.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A huge page, which macOS does not have, becomes resident as a whole. */
static void keep_small(void *pages, size_t bytes) {
#ifdef MADV_NOHUGEPAGE
    madvise(pages, bytes, MADV_NOHUGEPAGE);
#else
    (void)pages, (void)bytes;
#endif
}

TEST(test_readable_pages_are_told_from_others) {
    assert_right_answers();
}

TEST(test_the_first_question_may_be_about_an_unreadable_page) {
    assert_readable(map_pages(1, PROT_NONE), false);
}

TEST(test_a_page_that_changes_is_asked_for_anew) {
    char *page = map_pages(1, PROT_READ);
    for (int i = 0; i < 3; i++) {
        assert_readable(page, true);
        mprotect(page, 1, PROT_NONE);
        assert_readable(page, false);
        mprotect(page, 1, PROT_READ);
    }
}

/* ---- Resident pages ---- */

#define PAGES 300

TEST(test_pages_in_memory_are_told_from_others_around_holes) {
    size_t page = (size_t)getpagesize();
    uint64_t seed = 20261130;
    for (int round = 0; round < 50; round++) {
        unsigned char expected[PAGES], found[PAGES];
        char *pages = map_pages(PAGES, PROT_READ | PROT_WRITE);
        keep_small(pages, PAGES * page);
        for (size_t i = 0; i < PAGES; i++) {
            uint64_t kind = random_below(&seed, round % 2 ? 3 : 20); /* many holes or few */
            expected[i] = kind > 1;
            if (kind > 1) pages[i * page] = 1;
            if (kind == 1) munmap(pages + i * page, page);
        }
        errno = 77;
        sp_memory_find_present((uintptr_t)pages, PAGES, found);
        assert_int_equal(errno, 77);
        assert_memory_equal(found, expected, PAGES);
        munmap(pages, PAGES * page);
        sp_memory_find_present((uintptr_t)pages, PAGES, found);
        for (size_t i = 0; i < PAGES; i++) assert_int_equal(found[i], 0);
    }
}

/* ---- Copies ---- */

typedef bool copy(void *to, uintptr_t from, size_t bytes);

static void assert_copies(copy *copy) {
    size_t page = (size_t)getpagesize();
    char *pages = map_pages(3, PROT_READ | PROT_WRITE), bytes[200]; /* written to | untouched | hidden */
    for (size_t i = 0; i < page; i++) pages[i] = (char)i;
    mprotect(pages + 2 * page, page, PROT_NONE);
    errno = 77;
    for (size_t from = page - 300; from < page - sizeof bytes; from += 7) {
        assert_true(copy(bytes, (uintptr_t)pages + from, sizeof bytes));
        assert_memory_equal(bytes, pages + from, sizeof bytes);
    }
    assert_true(copy(bytes, (uintptr_t)pages + page - 100, sizeof bytes));
    assert_memory_equal(bytes, pages + page - 100, sizeof bytes);
    assert_true(copy(bytes, (uintptr_t)pages + 2 * page - sizeof bytes, sizeof bytes));
    assert_false(copy(bytes, (uintptr_t)pages + 2 * page - sizeof bytes + 1, sizeof bytes));
    assert_false(copy(bytes, (uintptr_t)pages + 2 * page, 1));
    assert_false(copy(bytes, 0, sizeof bytes));
    assert_false(copy(bytes, UINTPTR_MAX - 8, sizeof bytes));
    assert_int_equal(errno, 77);
}

TEST(test_copies_are_whole_or_refused) {
    assert_copies(sp_memory_copy);
    assert_copies(sp_memory_copy_by_kernel);
}

/* ---- Pages of our own ---- */

TEST(test_emptied_pages_read_as_zeros_and_stay_ours) {
    size_t page = sp_memory_page_bytes(), mapped = sp_memory_mapped();
    unsigned char *pages = sp_memory_map(4 * page), present[4];
    keep_small(pages, 4 * page);
    memset(pages, 1, 4 * page);
    sp_memory_empty(pages, 2 * page - 1);
    sp_memory_find_present((uintptr_t)pages, 4, present);
    assert_memory_equal(present, ((unsigned char[]){0, 0, 1, 1}), 4);
    for (size_t i = 0; i < 4 * page; i++) assert_int_equal(pages[i], i >= 2 * page);
    pages[0] = 1;
    sp_memory_unmap(pages, 4 * page);
    assert_int_equal(sp_memory_mapped(), mapped);
    assert_readable(pages, false);
}

TEST(test_dense_memory_is_zeroed_and_listed) {
    const size_t bytes = (size_t)5 << 20;
    size_t mapped = sp_memory_mapped();
    unsigned char *dense = sp_memory_map_dense(bytes);
    assert_int_equal(sp_memory_mapped(), mapped + bytes);
    for (size_t i = 0; i < bytes; i++) assert_int_equal(dense[i], 0);
    sp_own_pages own[4];
    assert_int_equal(sp_memory_list(own, 4), 1);
    assert_int_equal(own[0].start, (uintptr_t)dense);
    assert_int_equal(own[0].size, bytes);
    sp_memory_unmap(dense, bytes);
    assert_int_equal(sp_memory_list(own, 4), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readable_pages_are_told_from_others),
        cmocka_unit_test(test_the_first_question_may_be_about_an_unreadable_page),
        cmocka_unit_test(test_a_page_that_changes_is_asked_for_anew),
        cmocka_unit_test(test_pages_in_memory_are_told_from_others_around_holes),
        cmocka_unit_test(test_copies_are_whole_or_refused),
        cmocka_unit_test(test_emptied_pages_read_as_zeros_and_stay_ours),
        cmocka_unit_test(test_dense_memory_is_zeroed_and_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
