/* test_memory.c: what the engine learns of its process's memory, on macOS or under run_macho. */
#include "spprof.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES 64

static size_t page_size(void) {
    return (size_t)getpagesize();
}

static char *map_pages(size_t count, int flags, int file) {
    void *pages = mmap(NULL, count * page_size(), PROT_READ | PROT_WRITE, flags, file, 0);
    CHECK(pages != MAP_FAILED);
    return pages;
}

static char *map_private(size_t count) {
    return map_pages(count, MAP_PRIVATE | MAP_ANON, -1);
}

/* ---- Copies ---- */

typedef bool copy(void *to, uint64_t from, size_t bytes);

static bool copy_in_handler(void *to, uint64_t from, size_t bytes) {
    return spprof_copy(to, (uintptr_t)from, bytes);
}

static void check_copies(copy *copy) {
    size_t page = page_size();
    char *pages = map_private(4), bytes[100]; /* written to | untouched | hidden | gone */
    for (size_t i = 0; i < page; i++) pages[i] = (char)(i * 7);
    mprotect(pages + 2 * page, page, PROT_NONE);
    munmap(pages + 3 * page, page);
    uint64_t start = (uintptr_t)pages;
    errno = 77;
    for (size_t at = 0; at + sizeof bytes <= 2 * page; at += 13) {
        CHECK(copy(bytes, start + at, sizeof bytes));
        CHECK(memcmp(bytes, pages + at, sizeof bytes) == 0);
    }
    for (size_t at = 2 * page - sizeof bytes + 1; at < 4 * page; at += 13)
        CHECK(!copy(bytes, start + at, sizeof bytes));
    CHECK(!copy(bytes, 0, sizeof bytes));
    CHECK(!copy(bytes, 1, sizeof bytes));
    CHECK(!copy(bytes, UINT64_MAX - 8, sizeof bytes));
    CHECK(errno == 77);
}

static void test_copies_are_whole_or_refused(void) {
    check_copies(copy_in_handler);
    check_copies(spprof_copy_memory);
}

static volatile sig_atomic_t handled;

static void copy_in_signal(int number) {
    char bytes[16], *unmapped = (char *)1;
    (void)number;
    handled = spprof_copy(bytes, (uintptr_t)&handled, sizeof handled) && !spprof_copy(bytes, (uintptr_t)unmapped, 1);
}

static void test_a_handler_may_copy(void) {
    signal(SIGUSR1, copy_in_signal);
    CHECK(raise(SIGUSR1) == 0);
    CHECK(handled);
}

/* ---- Resident pages ---- */

static void check_resident(const char *start, size_t size, uint64_t expected) {
    spprof_extent extent = {.start = (uintptr_t)start, .size = size};
    CHECK(spprof_measure_resident(&extent, 1));
    CHECK(extent.resident == expected && extent.swapped == 0);
}

static void test_touched_pages_are_resident(void) {
    size_t page = page_size();
    char *pages = map_private(PAGES);
    unsigned char present[PAGES];
    check_resident(pages, PAGES * page, 0);
    for (size_t i = 0; i < PAGES; i += 4) pages[i * page] = 1;
    check_resident(pages, PAGES * page, PAGES / 4 * page);
    check_resident(pages + 100, page, page - 100);
    spprof_find_present((uintptr_t)pages, PAGES, present);
    for (size_t i = 0; i < PAGES; i++) CHECK(present[i] == (i % 4 == 0));
    munmap(pages + PAGES / 2 * page, PAGES / 2 * page);
    check_resident(pages, PAGES * page, PAGES / 8 * page);
}

static void test_an_extent_beyond_the_limit_is_not_known(void) {
    spprof_extent extents[] = {{.start = 4096, .size = UINT64_C(1) << 45}, {.start = UINT64_C(1) << 46, .size = 0}};
    CHECK(spprof_measure_resident(extents, 2));
    CHECK(extents[0].resident == SPPROF_NOT_KNOWN && extents[0].swapped == SPPROF_NOT_KNOWN);
    CHECK(extents[1].resident == 0);
}

static void test_the_engines_own_pages_are_listed(void) {
    static spprof_extent own[1024];
    CHECK(spprof_start(0, NULL) == SPPROF_OK);
    size_t count = spprof_own_extents(own, 1024);
    CHECK(spprof_stop() == SPPROF_OK);
    uint64_t resident = 0;
    for (size_t i = 0; i < count; i++) {
        CHECK(i == 0 || own[i].start >= own[i - 1].start + own[i - 1].size);
        CHECK(own[i].resident <= own[i].size);
        resident += own[i].resident;
    }
    CHECK(count > 0 && resident > 0);
}

/* ---- Files ---- */

typedef struct wanted {
    uint64_t start;
    spprof_file_map found;
    char path[1024];
    uint64_t last;
} wanted;

static void look(const spprof_file_map *map, void *data) {
    wanted *of = data;
    CHECK(map->end > map->start && map->start >= of->last && map->path[0] == '/');
    of->last = map->end;
    if (of->start < map->start || of->start >= map->end) return;
    of->found = *map;
    snprintf(of->path, sizeof of->path, "%s", map->path);
}

static void test_mapped_files_are_listed(void) {
    char path[] = "/tmp/spprof-macos-memory", real[1024];
    int file = open(path, O_CREAT | O_RDWR, 0600);
    CHECK(file >= 0 && pwrite(file, "", 1, (off_t)(2 * page_size() - 1)) == 1);
    CHECK(realpath(path, real) != NULL);
    char *pages = map_pages(2, MAP_SHARED, file);
    wanted data = {.start = (uintptr_t)pages}, code = {.start = (uintptr_t)&look};
    errno = 77;
    CHECK(spprof_each_file(look, &data));
    CHECK(errno == 77);
    CHECK(data.found.is_shared && data.found.is_writable && !data.found.is_code);
    CHECK(data.found.end - data.found.start == 2 * page_size() && strcmp(data.path, real) == 0);
    CHECK(spprof_each_file(look, &code));
    CHECK(code.path[0] == '\0' || (code.found.is_code && !code.found.is_shared)); /* run_macho copies code */
    munmap(pages, 2 * page_size());
    close(file);
    unlink(path);
}

static bool refuse_text(const char *text, size_t size, void *data) {
    (void)text, (void)size, (void)data;
    CHECK(false);
}

static void test_there_is_no_list_as_text(void) {
    CHECK(!spprof_read_list(false, refuse_text, NULL));
    CHECK(!spprof_read_list(true, refuse_text, NULL));
}

int main(void) {
    RUN(test_copies_are_whole_or_refused);
    RUN(test_a_handler_may_copy);
    RUN(test_touched_pages_are_resident);
    RUN(test_an_extent_beyond_the_limit_is_not_known);
    RUN(test_the_engines_own_pages_are_listed);
    RUN(test_mapped_files_are_listed);
    RUN(test_there_is_no_list_as_text);
    return EXIT_SUCCESS;
}
