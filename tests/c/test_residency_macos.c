/* Resident bytes as macOS reports them, compared with the pages that the test itself has touched. */
#include "residency.h"

#include "maps.h"
#include "memory.h"
#include "support.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PAGES 96

static char *map_pages(size_t count, int flags) {
    void *pages = mmap(NULL, count * sp_memory_page_bytes(), PROT_READ | PROT_WRITE, flags | MAP_ANON, -1, 0);
    assert_true(pages != MAP_FAILED);
    return pages;
}

static void assert_resident(const void *address, size_t size, uint64_t expected) {
    sp_extent extent = {.start = (uintptr_t)address, .size = size};
    errno = 77;
    assert_int_equal(sp_residency_measure(&extent, 1, SP_RESIDENCY_SCAN), SP_RESIDENCY_MINCORE);
    assert_int_equal(errno, 77);
    assert_int_equal(extent.resident, expected);
    assert_int_equal(extent.swapped, 0);
}

TEST(test_touched_pages_are_resident_and_others_are_not) {
    size_t page = sp_memory_page_bytes();
    char *pages = map_pages(PAGES, MAP_PRIVATE);
    assert_resident(pages, PAGES * page, 0);
    for (size_t i = 0; i < PAGES; i += 3) pages[i * page] = 1;
    assert_resident(pages, PAGES * page, PAGES / 3 * page);
    munmap(pages, PAGES / 2 * page);
    assert_resident(pages, PAGES * page, PAGES / 6 * page);
}

TEST(test_parts_of_pages_count_as_much_as_lies_within) {
    size_t page = sp_memory_page_bytes();
    char *pages = map_pages(4, MAP_SHARED);
    memset(pages, 1, 2 * page);
    assert_resident(pages + 100, page - 200, page - 200);
    assert_resident(pages + 100, page, page);
    assert_resident(pages + 2 * page - 7, 20, 7);
    assert_resident(pages + 2 * page, page, 0);
    assert_resident(pages + 5, 0, 0);
}

TEST(test_many_extents_are_measured_in_one_go) {
    size_t page = sp_memory_page_bytes();
    char *pages = map_pages(PAGES, MAP_PRIVATE);
    sp_extent extents[PAGES];
    for (size_t i = 0; i < PAGES; i++) {
        extents[i] = (sp_extent){.start = (uintptr_t)pages + i * page, .size = page};
        if (i % 5 == 0) pages[i * page] = 1;
    }
    assert_int_equal(sp_residency_measure(extents, PAGES, SP_RESIDENCY_SCAN), SP_RESIDENCY_MINCORE);
    for (size_t i = 0; i < PAGES; i++) assert_int_equal(extents[i].resident, i % 5 ? 0 : page);
}

TEST(test_what_is_too_large_is_not_known_and_what_follows_is) {
    size_t page = sp_memory_page_bytes();
    char *pages = map_pages(2, MAP_PRIVATE);
    sp_extent extents[] = {{.start = 1, .size = (UINT64_C(1) << 24) * page}, {.start = (uintptr_t)pages, .size = page}};
    pages[0] = 1;
    assert_int_equal(sp_residency_measure(extents, 2, SP_RESIDENCY_SCAN), SP_RESIDENCY_MINCORE);
    assert_true(extents[0].resident == SP_NOT_KNOWN && extents[0].swapped == SP_NOT_KNOWN);
    assert_int_equal(extents[1].resident, page);
    assert_int_equal(sp_residency_measure(extents, 2, SP_RESIDENCY_NONE), SP_RESIDENCY_NONE);
    assert_true(extents[1].resident == SP_NOT_KNOWN && extents[1].swapped == SP_NOT_KNOWN);
}

static bool add_measures(const sp_map *map, void *data) {
    sp_map *sum = data;
    if (map->start < sum->start || map->end > sum->end) return true;
    sum->resident += map->resident;
    sum->common += map->common;
    return true;
}

TEST(test_mappings_are_measured) {
    size_t page = sp_memory_page_bytes();
    char *around = map_pages(PAGES + 2, MAP_PRIVATE), *pages = around + page;
    mprotect(around, page, PROT_NONE);
    mprotect(pages + PAGES * page, page, PROT_NONE);
    for (size_t i = 0; i < PAGES; i += 3) pages[i * page] = 1;
    sp_map sum = {.start = (uintptr_t)pages, .end = (uintptr_t)pages + PAGES * page};
    assert_true(sp_maps_each(true, add_measures, &sum));
    assert_int_equal(sum.resident, PAGES / 3 * page);
    assert_int_equal(sum.common, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_touched_pages_are_resident_and_others_are_not),
        cmocka_unit_test(test_parts_of_pages_count_as_much_as_lies_within),
        cmocka_unit_test(test_many_extents_are_measured_in_one_go),
        cmocka_unit_test(test_what_is_too_large_is_not_known_and_what_follows_is),
        cmocka_unit_test(test_mappings_are_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
