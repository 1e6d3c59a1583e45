/* What the engine asks of the operating system besides memory: waiting, files, and the list of mappings. */
#include "entropy.h"
#include "file.h"
#include "fork.h"
#include "futex.h"
#include "mapped_list.h"
#include "maps.h"
#include "memory.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Waiting ---- */

#define WAITERS 4

static _Atomic uint32_t word, awake;

TEST(test_a_wait_for_another_value_ends_at_once) {
    word = 5;
    sp_futex_wait(&word, 4);
    sp_futex_wait_for(&word, 4, UINT64_C(1000000000) * 3600);
}

TEST(test_a_wait_with_a_limit_ends) {
    word = 5;
    sp_futex_wait_for(&word, 5, 0);
    sp_futex_wait_for(&word, 5, 1);
    sp_futex_wait_for(&word, 5, 999999);
}

static void wait_or_wake(unsigned thread, void *argument) {
    (void)argument;
    if (thread == WAITERS) {
        atomic_store(&word, 1);
        while (atomic_load(&awake) < WAITERS) sp_futex_wake_one(&word);
        return;
    }
    while (atomic_load(&word) == 0) sp_futex_wait(&word, 0);
    atomic_fetch_add(&awake, 1);
}

TEST(test_each_waiting_thread_is_woken) {
    run_threads(WAITERS + 1, wait_or_wake, NULL);
    assert_int_equal(awake, WAITERS);
}

/* ---- Chance ---- */

TEST(test_words_of_entropy_differ) {
    uint64_t first = sp_entropy_word(), both = 0;
    for (int i = 0; i < 64; i++) both |= first ^ sp_entropy_word();
    assert_int_not_equal(first, sp_entropy_word());
    assert_int_equal(both, UINT64_MAX);
}

/* ---- Files ---- */

static char made[] = "/tmp/spprof-system-XXXXXX", folder[PATH_MAX], path[PATH_MAX + 8];

/* On macOS, /tmp is a link. */
static void make_folder(void) {
    assert_non_null(mkdtemp(made));
    assert_non_null(realpath(made, folder));
    snprintf(path, sizeof path, "%s/it", folder);
}

static void remove_folder(void) {
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

TEST(test_a_file_is_read_by_position_and_never_beyond_its_end) {
    char bytes[8] = "";
    sp_file file;
    make_folder();
    int out = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(out, "0123456789", 10), 10);
    errno = 77;
    assert_true(sp_file_open(&file, path));
    assert_int_equal(file.size, 10);
    assert_true(sp_file_read(&file, 2, bytes, 8));
    assert_memory_equal(bytes, "23456789", 8);
    assert_true(sp_file_read(&file, 10, bytes, 0));
    assert_false(sp_file_read(&file, 3, bytes, 8));
    assert_false(sp_file_read(&file, UINT64_MAX, bytes, 1));
    assert_int_equal(ftruncate(out, 5), 0);
    assert_false(sp_file_read(&file, 2, bytes, 8));
    sp_file_close(&file);
    assert_int_equal(errno, 77);
    remove_folder();
}

TEST(test_what_is_no_file_is_refused_without_waiting) {
    sp_file file;
    make_folder();
    errno = 77;
    assert_false(sp_file_open(&file, path));
    assert_false(sp_file_open(&file, folder));
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(sp_file_open(&file, path));
    assert_int_equal(errno, 77);
    remove_folder();
}

/* ---- Forks ---- */

static unsigned before, in_parent, in_child;

static void note_before(void) {
    before++;
}

static void note_in_parent(void) {
    in_parent++;
}

static void note_in_child(void) {
    in_child++;
}

static void check_child(void *unused) {
    (void)unused;
    CHECK(before == 1 && in_parent == 0 && in_child == 1);
}

TEST(test_forks_are_told_on_both_sides) {
    sp_fork_call(note_before, note_in_parent, note_in_child);
    sp_fork_call(NULL, NULL, NULL);
    run_in_child(check_child, NULL);
    assert_true(before == 1 && in_parent == 1 && in_child == 0);
}

/* ---- Mappings ---- */

static char *map_pages(size_t count, int protection, int flags) {
    void *pages = mmap(NULL, count * sp_memory_page_bytes(), protection, flags | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    return pages;
}

static void assert_mapped(const char *start, size_t pages, bool expected) {
    errno = 77;
    assert_int_equal(sp_mapped_list_has((uintptr_t)start, pages * sp_memory_page_bytes()), expected);
    assert_int_equal(errno, 77);
}

TEST(test_a_range_is_mapped_if_all_of_it_is) {
    size_t page = sp_memory_page_bytes();
    char *pages = map_pages(8, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    assert_mapped(pages, 8, true);
    mprotect(pages + page, page, PROT_NONE);
    mprotect(pages + 2 * page, page, PROT_READ);
    pages[3 * page] = 1;
    assert_mapped(pages, 8, true);
    assert_mapped(pages + page, 1, true);
    munmap(pages + 5 * page, page);
    assert_mapped(pages, 5, true);
    assert_mapped(pages, 6, false);
    assert_mapped(pages, 8, false);
    assert_mapped(pages + 5 * page, 1, false);
    assert_mapped(pages + 6 * page, 2, true);
    assert_mapped(map_pages(3, PROT_READ | PROT_WRITE, MAP_SHARED), 3, true);
    assert_mapped((const char *)((uintptr_t)&assert_mapped & ~(page - 1)), 1, true);
    assert_mapped(NULL, 1, false);
}

typedef struct cover {
    uintptr_t start, end, last;
    size_t covered, count;
} cover;

static void note_range(void *data, uintptr_t start, uintptr_t end) {
    cover *of = data;
    assert_true(start >= of->last && end > start);
    of->last = end;
    of->count++;
    if (start < of->start) start = of->start;
    if (end > of->end) end = of->end;
    if (start < end) of->covered += end - start;
}

TEST(test_all_mappings_are_visited_in_ascending_order) {
    size_t page = sp_memory_page_bytes();
    char *pages = map_pages(8, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    munmap(pages + 3 * page, 2 * page);
    cover of = {.start = (uintptr_t)pages, .end = (uintptr_t)pages + 8 * page};
    errno = 77;
    assert_true(sp_mapped_list_visit(note_range, &of));
    assert_int_equal(errno, 77);
    assert_int_equal(of.covered, 6 * page);
    assert_in_range(of.count, 4, 100000);
}

typedef struct wanted {
    uintptr_t address;
    sp_map map;
    char path[4096];
    size_t count, limit;
} wanted;

static bool look(const sp_map *map, void *data) {
    wanted *of = data;
    if (of->address >= map->start && of->address < map->end) {
        of->map = *map;
        snprintf(of->path, sizeof of->path, "%s", map->path);
    }
    return ++of->count != of->limit;
}

static void assert_file(const wanted *of, const char *pages) {
    size_t page = sp_memory_page_bytes();
    assert_int_equal(of->map.start, (uintptr_t)pages);
    assert_int_equal(of->map.end, (uintptr_t)pages + 3 * page);
    assert_true(of->map.is_shared && of->map.is_writable && !of->map.is_executable && of->map.inode != 0);
    assert_int_equal(of->map.resident, 0);
    assert_string_equal(of->path, path);
}

TEST(test_mapped_files_have_their_paths) {
    static wanted of, code;
    size_t page = sp_memory_page_bytes();
    make_folder();
    int file = open(path, O_CREAT | O_RDWR, 0600);
    assert_int_equal(ftruncate(file, (off_t)(3 * page)), 0);
    char *pages = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    assert_true(pages != MAP_FAILED);
    of.address = (uintptr_t)pages;
    assert_true(sp_maps_each(false, look, &of));
    assert_file(&of, pages);
    of = (wanted){.address = (uintptr_t)pages};
    assert_true(sp_maps_each_file(look, &of));
    assert_file(&of, pages);
    code.address = (uintptr_t)&look;
    assert_true(sp_maps_each_file(look, &code));
    assert_true(code.map.is_executable && !code.map.is_shared && code.path[0] == '/');
    of = (wanted){.limit = 2};
    assert_true(sp_maps_each(false, look, &of));
    assert_int_equal(of.count, 2);
    munmap(pages, 3 * page);
    remove_folder();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_wait_for_another_value_ends_at_once),
        cmocka_unit_test(test_a_wait_with_a_limit_ends),
        cmocka_unit_test(test_each_waiting_thread_is_woken),
        cmocka_unit_test(test_words_of_entropy_differ),
        cmocka_unit_test(test_a_file_is_read_by_position_and_never_beyond_its_end),
        cmocka_unit_test(test_what_is_no_file_is_refused_without_waiting),
        cmocka_unit_test(test_forks_are_told_on_both_sides),
        cmocka_unit_test(test_a_range_is_mapped_if_all_of_it_is),
        cmocka_unit_test(test_all_mappings_are_visited_in_ascending_order),
        cmocka_unit_test(test_mapped_files_have_their_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
