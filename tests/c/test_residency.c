/* Resident bytes, obtained from the kernel in each possible way, compared with the pages that the test itself has
 * touched.
 */
#include "residency.h"

#include "maps.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 96
#define HUGE ((size_t)2 << 20)

static size_t page_size(void) {
    return (size_t)getpagesize();
}

/* Map memory apart from other mappings. Otherwise the kernel could merge it with one of them, which would change
 * what smaps reports. */
static char *map_apart(size_t bytes, int flags, int file) {
    char *around = mmap(NULL, bytes + 2 * page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(around != MAP_FAILED);
    char *inner = around + page_size();
    assert_true(mmap(inner, bytes, PROT_READ | PROT_WRITE, MAP_FIXED | flags, file, 0) == inner);
    return inner;
}

static char *map_private(size_t bytes) {
    return map_apart(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

/* `best` is the best method allowed. It must be the method used, unless the kernel lacks it. */
static sp_extent measure(const void *address, size_t size, sp_residency_way best) {
    sp_extent extent = {.start = (uintptr_t)address, .size = size};
    errno = 77;
    sp_residency_way taken = sp_residency_measure(&extent, 1, best);
    assert_int_equal(errno, 77);
    assert_true(taken == best || (best == SP_RESIDENCY_SCAN && taken == SP_RESIDENCY_PAGEMAP));
    return extent;
}

static const sp_residency_way ways[] = {SP_RESIDENCY_SMAPS, SP_RESIDENCY_PAGEMAP, SP_RESIDENCY_SCAN};
#define WAYS (sizeof ways / sizeof *ways)

static void assert_resident(const void *address, size_t size, uint64_t expected) {
    for (size_t way = 0; way < WAYS; way++) {
        sp_extent extent = measure(address, size, ways[way]);
        assert_int_equal(extent.resident, expected);
        assert_int_equal(extent.swapped, 0);
    }
}

TEST(test_touched_pages_are_resident_and_others_are_not) {
    char *pages = map_private(PAGES * page_size());
    assert_resident(pages, PAGES * page_size(), 0);
    for (size_t i = 0; i < PAGES; i += 3) pages[i * page_size()] = 1;
    assert_resident(pages, PAGES * page_size(), PAGES / 3 * page_size());
    madvise(pages, PAGES / 2 * page_size(), MADV_DONTNEED);
    assert_resident(pages, PAGES * page_size(), PAGES / 6 * page_size());
    munmap(pages, PAGES * page_size());
}

TEST(test_pages_of_zeros_that_were_only_read_are_not_resident) {
    char *pages = map_private(PAGES * page_size());
    volatile char seen = 0;
    for (size_t i = 0; i < PAGES; i++) seen += pages[i * page_size()];
    assert_int_equal(seen, 0);
    assert_resident(pages, PAGES * page_size(), 0);
    for (size_t i = 0; i < 5; i++) pages[i * page_size()] = 1;
    assert_resident(pages, PAGES * page_size(), 5 * page_size());
    munmap(pages, PAGES * page_size());
}

TEST(test_pages_shared_with_a_forked_child_are_resident) {
    int ends[2];
    char *touched = map_private(PAGES * page_size()), *zeros = map_private(PAGES * page_size());
    volatile char seen = 0;
    assert_int_equal(pipe(ends), 0);
    memset(touched, 1, PAGES * page_size());
    for (size_t i = 0; i < PAGES; i++) seen += zeros[i * page_size()];
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        _exit(read(ends[0], (char[1]){0}, 1) != 0);
    }
    assert_resident(touched, PAGES * page_size(), PAGES * page_size());
    assert_resident(zeros, PAGES * page_size(), 0);
    close(ends[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ends[0]);
    munmap(touched, PAGES * page_size());
    munmap(zeros, PAGES * page_size());
}

TEST(test_shared_memory_and_files_count_what_this_process_has_touched) {
    int file = (int)syscall(SYS_memfd_create, "test_residency", 0);
    if (file < 0) skip();
    assert_int_equal(ftruncate(file, (off_t)(PAGES * page_size())), 0);
    char *here = map_apart(PAGES * page_size(), MAP_SHARED, file);
    char *elsewhere = map_apart(PAGES * page_size(), MAP_SHARED, file);
    char *anonymous = map_apart(PAGES * page_size(), MAP_SHARED | MAP_ANONYMOUS, -1);
    char *copied = map_apart(PAGES * page_size(), MAP_PRIVATE, file);
    for (size_t i = 0; i < 7; i++) here[i * page_size()] = anonymous[i * page_size()] = copied[i * page_size()] = 1;
    assert_resident(here, PAGES * page_size(), 7 * page_size());
    assert_resident(elsewhere, PAGES * page_size(), 0);
    assert_resident(anonymous, PAGES * page_size(), 7 * page_size());
    assert_resident(copied, PAGES * page_size(), 7 * page_size());
    munmap(here, PAGES * page_size());
    munmap(elsewhere, PAGES * page_size());
    munmap(anonymous, PAGES * page_size());
    munmap(copied, PAGES * page_size());
    close(file);
}

TEST(test_huge_pages_count_whole) {
    char *pages = map_private(4 * HUGE), *aligned = (char *)(((uintptr_t)pages + HUGE - 1) & ~(HUGE - 1));
    if (madvise(aligned, 2 * HUGE, MADV_HUGEPAGE) != 0) skip();
    volatile char seen = aligned[HUGE]; /* the huge zero page, if there is one */
    aligned[0] = seen;
    sp_extent whole = measure(aligned, 2 * HUGE, SP_RESIDENCY_SCAN);
    assert_true(whole.resident == HUGE || whole.resident == page_size());
    assert_resident(pages, 4 * HUGE, whole.resident);
    sp_extent part = measure(aligned + 5, 10, SP_RESIDENCY_SCAN);
    assert_int_equal(part.resident, 10);
    munmap(pages, 4 * HUGE);
}

/* Guards are neither resident nor swapped, although the kernel marks them in the entries that it uses for swapped
 * pages. */
TEST(test_guards_are_not_swapped) {
    char *pages = map_private(PAGES * page_size());
    memset(pages, 1, PAGES * page_size());
    if (madvise(pages, PAGES / 2 * page_size(), 102 /* MADV_GUARD_INSTALL, Linux 6.13 */) != 0) skip();
    assert_resident(pages, PAGES * page_size(), PAGES / 2 * page_size());
    munmap(pages, PAGES * page_size());
}

/* ---- Parts of pages and of mappings ---- */

static uint64_t model(const bool *is_touched, size_t from, size_t to) {
    uint64_t resident = 0;
    for (size_t at = from; at < to; at++) resident += is_touched[at / page_size()];
    return resident;
}

TEST(test_parts_of_pages_count_as_much_as_lies_within) {
    bool is_touched[PAGES] = {false};
    char *pages = map_private(PAGES * page_size());
    uint64_t seed = 20261130, size = PAGES * page_size();
    for (size_t i = 0; i < PAGES; i++) {
        is_touched[i] = next_random(&seed) % 2;
        if (is_touched[i]) pages[i * page_size()] = 1;
    }
    for (int round = 0; round < 500; round++) {
        size_t from = random_below(&seed, size), to = random_below(&seed, size);
        if (from >= to) continue;
        uint64_t expected = model(is_touched, from, to);
        assert_int_equal(measure(pages + from, to - from, SP_RESIDENCY_PAGEMAP).resident, expected);
        assert_int_equal(measure(pages + from, to - from, SP_RESIDENCY_SCAN).resident, expected);
        uint64_t by_sums = measure(pages + from, to - from, SP_RESIDENCY_SMAPS).resident;
        if (by_sums != SP_NOT_KNOWN) assert_true(by_sums >= expected && by_sums - expected <= (to - from) / 64);
    }
    munmap(pages, PAGES * page_size());
}

TEST(test_sums_of_a_mapping_do_not_tell_a_part_of_it) {
    char *pages = map_private(PAGES * page_size());
    memset(pages, 1, PAGES / 2 * page_size());
    sp_extent part = measure(pages, PAGES / 2 * page_size(), SP_RESIDENCY_SMAPS);
    assert_int_equal(part.resident, SP_NOT_KNOWN);
    assert_int_equal(part.swapped, SP_NOT_KNOWN);
    assert_int_equal(measure(pages + 16, PAGES * page_size() - 16, SP_RESIDENCY_SMAPS).resident,
                     PAGES / 2 * page_size());
    memset(pages, 1, PAGES * page_size());
    assert_int_equal(measure(pages + 16, PAGES * page_size() - 16, SP_RESIDENCY_SMAPS).resident,
                     PAGES * page_size() - 16);
    munmap(pages, PAGES * page_size());
}

TEST(test_many_extents_are_measured_in_one_go) {
    sp_extent extents[PAGES];
    char *pages = map_private(PAGES * page_size());
    for (size_t i = 0; i < PAGES; i += 2) pages[i * page_size()] = 1;
    for (size_t way = 1; way < WAYS; way++) {
        for (size_t i = 0; i < PAGES; i++)
            extents[i] = (sp_extent){.start = (uintptr_t)pages + i * page_size(), .size = page_size()};
        sp_residency_measure(extents, PAGES, ways[way]);
        for (size_t i = 0; i < PAGES; i++) assert_int_equal(extents[i].resident, i % 2 ? 0 : page_size());
    }
    munmap(pages, PAGES * page_size());
}

/* Reserved address space is too large for reading its page entries, so smaps is used. */
TEST(test_huge_reservations_are_measured) {
    size_t reserved = (size_t)1 << 39, touched = 1000;
    char *pages = mmap(NULL, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED) skip();
    munmap(pages, reserved);
    pages = map_apart(reserved, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
    for (size_t i = 0; i < touched; i++) pages[reserved / touched / page_size() * page_size() * i] = 1;
    assert_resident(pages, reserved, touched * page_size());
    munmap(pages, reserved);
}

TEST(test_without_a_way_nothing_is_known) {
    char byte = 1;
    sp_extent extent = measure(&byte, 1, SP_RESIDENCY_NONE);
    assert_int_equal(extent.resident, SP_NOT_KNOWN);
    assert_int_equal(extent.swapped, SP_NOT_KNOWN);
    assert_int_equal(sp_residency_measure(NULL, 0, SP_RESIDENCY_SMAPS), SP_RESIDENCY_SMAPS);
}

/* ---- The list of mappings ---- */

typedef struct wanted {
    uintptr_t address;
    char path[64];
    sp_map map;
    size_t count, limit;
} wanted;

static bool look(const sp_map *map, void *data) {
    wanted *of = data;
    assert_true(map->end > map->start);
    if (of->address >= map->start && of->address < map->end) {
        of->map = *map;
        snprintf(of->path, sizeof of->path, "%s", map->path);
    }
    return ++of->count != of->limit;
}

TEST(test_mappings_are_listed_with_their_files) {
    int file = (int)syscall(SYS_memfd_create, "of two  words", 0);
    if (file < 0) skip();
    assert_int_equal(ftruncate(file, (off_t)(3 * page_size())), 0);
    char *pages = map_apart(3 * page_size(), MAP_SHARED, file);
    pages[0] = 1;
    for (int measured = 0; measured < 2; measured++) {
        wanted of = {.address = (uintptr_t)pages};
        assert_true(sp_maps_each(measured, look, &of));
        assert_int_equal(of.map.start, (uintptr_t)pages);
        assert_int_equal(of.map.end, (uintptr_t)pages + 3 * page_size());
        assert_true(of.map.is_shared && !of.map.is_executable && of.map.inode != 0);
        assert_string_equal(of.path, "/memfd:of two  words (deleted)");
        assert_int_equal(of.map.resident, measured ? page_size() : 0);
        wanted code = {.address = (uintptr_t)&look};
        assert_true(sp_maps_each(measured, look, &code));
        assert_true(code.map.is_executable && !code.map.is_shared && code.path[0] == '/');
        wanted first = {.limit = 1};
        assert_true(sp_maps_each(measured, look, &first));
        assert_int_equal(first.count, 1);
    }
    munmap(pages, 3 * page_size());
    close(file);
}

static bool note_file(const sp_map *map, void *data) {
    char *end = (char *)data + strlen(data);
    if (map->inode != 0) sprintf(end, "%lx %s\n", (unsigned long)map->start, map->path);
    return true;
}

TEST(test_measured_mappings_have_the_names_of_the_others) {
    static char named[1 << 20], measured[1 << 20];
    assert_true(sp_maps_each(false, note_file, named));
    assert_true(sp_maps_each(true, note_file, measured));
    assert_true(strlen(named) > 0);
    assert_string_equal(measured, named);
}

/* Return whether the first thread is gone. The process's own folder in /proc is then empty. */
static bool is_first_thread_gone(void) {
    char byte;
    int file = open("/proc/self/maps", O_RDONLY);
    bool is_gone = file >= 0 && read(file, &byte, 1) == 0;
    close(file);
    return is_gone;
}

static void *outlive_the_first_thread(void *unused) {
    char *pages = unused;
    while (!is_first_thread_gone()) sched_yield();
    wanted of = {.address = (uintptr_t)pages};
    CHECK(sp_maps_each(false, look, &of) && of.count > 1 && of.map.end > of.map.start);
    sp_extent extent = {.start = (uintptr_t)pages, .size = PAGES * page_size()};
    CHECK(sp_residency_measure(&extent, 1, SP_RESIDENCY_SCAN) >= SP_RESIDENCY_PAGEMAP);
    CHECK(extent.resident == page_size());
    _exit(0);
}

TEST(test_a_process_whose_first_thread_has_ended_is_measured) {
    pthread_t thread;
    char *pages = map_private(PAGES * page_size());
    pages[0] = 1;
    assert_int_equal(pthread_create(&thread, NULL, outlive_the_first_thread, pages), 0);
    syscall(SYS_exit, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_touched_pages_are_resident_and_others_are_not),
        cmocka_unit_test(test_pages_of_zeros_that_were_only_read_are_not_resident),
        cmocka_unit_test(test_pages_shared_with_a_forked_child_are_resident),
        cmocka_unit_test(test_shared_memory_and_files_count_what_this_process_has_touched),
        cmocka_unit_test(test_huge_pages_count_whole),
        cmocka_unit_test(test_guards_are_not_swapped),
        cmocka_unit_test(test_parts_of_pages_count_as_much_as_lies_within),
        cmocka_unit_test(test_sums_of_a_mapping_do_not_tell_a_part_of_it),
        cmocka_unit_test(test_many_extents_are_measured_in_one_go),
        cmocka_unit_test(test_huge_reservations_are_measured),
        cmocka_unit_test(test_without_a_way_nothing_is_known),
        cmocka_unit_test(test_mappings_are_listed_with_their_files),
        cmocka_unit_test(test_a_process_whose_first_thread_has_ended_is_measured),
        cmocka_unit_test(test_measured_mappings_have_the_names_of_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
