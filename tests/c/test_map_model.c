/* Random calls of mmap's family on eight threads, with signals, forks and vforks in between. The list agrees with an
 * array that has one element per page, and with the kernel.
 *
 *   window:  512 pages that belong to one thread, which maps, unmaps and moves at fixed addresses there
 *   handler: maps and unmaps its own pages on whichever thread it interrupts, even inside the engine
 *
 * SPPROF_MODEL_CALLS: the number of calls by all threads together.
 */
#include "spprof.h"
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))
#define THREADS 8
#define WINDOW 512
#define WINDOWS_AT ((char *)0x100000000000) /* far below the addresses that the kernel chooses */
#define WINDOW_DISTANCE ((size_t)1 << 32)
#define CALLS_SHORT 80000
#define CALLS_BETWEEN_CHECKS 1000
#define CALLS_BETWEEN_FORKS 2500
#define ROOM 8192

#define FUNCTIONS(X)                                                                                                   \
    X(spprof_start)                                                                                                    \
    X(spprof_patch)                                                                                                    \
    X(spprof_copy_mappings)                                                                                            \
    X(spprof_get_mapping_stats)                                                                                        \
    X(spprof_keep_stacks)                                                                                              \
    X(spprof_let_stacks_go)                                                                                            \
    X(spprof_stack_get)

#include "loaded_engine.h"

/* ---- Call sites, each in a separate function, so that stacks distinguish them ---- */

#define SITES 8

#define SITE(n)                                                                                                        \
    static __attribute__((noinline)) void *map_##n(void *address, size_t size, int protection, int flags, int file) {  \
        void *volatile result = mmap(address, size, protection, flags, file, 0);                                       \
        __asm__ volatile("" ::"i"(n));                                                                                 \
        return result;                                                                                                 \
    }                                                                                                                  \
    static __attribute__((noinline)) void *remap_##n(void *old, size_t old_size, size_t size, int flags, void *to) {   \
        void *volatile result = mremap(old, old_size, size, flags, to);                                                \
        __asm__ volatile("" ::"i"(100 + (n)));                                                                         \
        return result;                                                                                                 \
    }
SITE(0)
SITE(1)
SITE(2)
SITE(3)

static void *(*const mappers[])(void *, size_t, int, int, int) = {map_0, map_1, map_2, map_3};
static void *(*const remappers[])(void *, size_t, size_t, int, void *) = {remap_0, remap_1, remap_2, remap_3};
static uint64_t leaves[SITES]; /* the leaf frames of the sites' stacks: mappers, then remappers */

/* Return the site's index + 1, or 0 if the stack belongs to none of these sites. */
static uint8_t site_of(uint64_t stack_id) {
    spprof_stack stack;
    CHECK(api.spprof_stack_get(stack_id, &stack));
    for (uint8_t site = 0; site < SITES; site++)
        if (stack.count > 0 && stack.frames[0] == leaves[site]) return (uint8_t)(site + 1);
    return 0;
}

/* ---- The list, page by page ---- */

typedef struct worker {
    char *window;
    uint8_t site_at[WINDOW]; /* 0: not mapped */
    uint64_t random;
    size_t calls;
} worker;

static worker workers[THREADS];
static int shared_file;

static void list_window(const worker *worker, uint8_t site_at[WINDOW]) {
    spprof_mapping *listed = (spprof_mapping *)syscall(SYS_mmap, NULL, ROOM * sizeof *listed, PROT_READ | PROT_WRITE,
                                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
    memset(site_at, 0, WINDOW);
    api.spprof_keep_stacks();
    size_t count = api.spprof_copy_mappings(listed, ROOM);
    CHECK(count <= ROOM);
    uintptr_t begin = (uintptr_t)worker->window;
    for (size_t i = 0; i < count; i++) {
        CHECK(i == 0 || listed[i - 1].address + listed[i - 1].size <= listed[i].address);
        CHECK(listed[i].size > 0 && listed[i].size % PAGE == 0 && listed[i].probability == 1);
        if (listed[i].address + listed[i].size <= begin || listed[i].address >= begin + WINDOW * PAGE) continue;
        size_t page = (listed[i].address - begin) / PAGE;
        CHECK(listed[i].address >= begin && page + listed[i].size / PAGE <= WINDOW);
        memset(site_at + page, site_of(listed[i].stack_id), listed[i].size / PAGE);
    }
    api.spprof_let_stacks_go();
    syscall(SYS_munmap, listed, ROOM * sizeof *listed);
}

static bool is_mapped(const char *address) {
    return msync((void *)(uintptr_t)address, PAGE, MS_ASYNC) == 0;
}

static void check_window(const worker *worker) {
    uint8_t site_at[WINDOW];
    list_window(worker, site_at);
    for (size_t page = 0; page < WINDOW; page++) {
        CHECK(site_at[page] == worker->site_at[page]);
        CHECK((site_at[page] != 0) == is_mapped(worker->window + page * PAGE));
    }
}

/* ---- Calls ---- */

static char *page_at(const worker *worker, size_t page) {
    return worker->window + page * PAGE;
}

static void mark(worker *worker, size_t page, size_t pages, unsigned site) {
    memset(worker->site_at + page, (int)site, pages);
}

/* After a failed call, the kernel may have unmapped these pages. Remove those that it has. */
static void ask_kernel(worker *worker, size_t page, size_t pages) {
    for (size_t i = page; i < page + pages; i++)
        if (worker->site_at[i] != 0 && !is_mapped(page_at(worker, i))) worker->site_at[i] = 0;
}

/* From Linux 6.17 on, a failed mremap may have moved some of the pages before it failed. */
static void ask_kernel_for_moved(worker *worker, size_t page, size_t pages, size_t to) {
    for (size_t i = 0; i < pages; i++)
        if (worker->site_at[page + i] != 0 && !is_mapped(page_at(worker, page + i)) &&
            is_mapped(page_at(worker, to + i)))
            worker->site_at[to + i] = worker->site_at[page + i];
}

static uint64_t below(worker *worker, uint64_t count) {
    return random_below(&worker->random, count);
}

static void map_somewhere(worker *worker, size_t page, size_t pages) {
    static const int kinds[] = {MAP_PRIVATE | MAP_ANONYMOUS, MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS,
                                MAP_SHARED, MAP_PRIVATE};
    int flags = kinds[below(worker, 5)];
    unsigned site = (unsigned)below(worker, SITES / 2);
    int protection = below(worker, 8) == 0 ? PROT_NONE : PROT_READ | PROT_WRITE;
    errno = 123;
    void *result = mappers[site](page_at(worker, page), pages * PAGE, protection, flags | MAP_FIXED,
                                 flags & MAP_ANONYMOUS ? -1 : shared_file);
    CHECK(result == page_at(worker, page) && errno == 123);
    mark(worker, page, pages, site + 1);
}

static void unmap(worker *worker, size_t page, size_t pages) {
    errno = 123;
    CHECK(munmap(page_at(worker, page), pages * PAGE) == 0 && errno == 123);
    mark(worker, page, pages, 0);
}

/* For a shared mapping, an old size of 0 requests a second mapping. Pages beyond the window's end would belong to
 * another thread. */
static void move(worker *worker, size_t page, size_t pages) {
    unsigned site = (unsigned)below(worker, SITES / 2);
    size_t old_pages = below(worker, 8) == 0 ? 0 : 1 + below(worker, 16), to = below(worker, WINDOW);
    int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    if (page + old_pages > WINDOW) old_pages = WINDOW - page;
    if (below(worker, 4) == 0 && old_pages > 0) {
        flags |= MREMAP_DONTUNMAP;
        pages = old_pages;
    }
    if (to + pages > WINDOW) pages = WINDOW - to;
    if (flags & MREMAP_DONTUNMAP) old_pages = pages;
    uint8_t before[WINDOW];
    memcpy(before, worker->site_at, WINDOW);
    void *result = remappers[site](page_at(worker, page), old_pages * PAGE, pages * PAGE, flags, page_at(worker, to));
    if (result == MAP_FAILED) {
        ask_kernel(worker, to, pages);
        ask_kernel_for_moved(worker, page, old_pages < pages ? old_pages : pages, to);
        ask_kernel(worker, page, old_pages);
        if (flags & MREMAP_DONTUNMAP) unmap(worker, to, pages); /* how much was moved before the failure is unknown */
        return;
    }
    CHECK(result == page_at(worker, to));
    if (old_pages > 0 && !(flags & MREMAP_DONTUNMAP)) mark(worker, page, old_pages, 0);
    mark(worker, to, pages, SITES / 2 + site + 1);
    for (size_t i = 0; i < pages && pages <= old_pages; i++) /* gaps leave old pages in place (Linux 6.17) */
        worker->site_at[to + i] = before[before[page + i] != 0 ? page + i : to + i];
}

static void resize(worker *worker, size_t page, size_t pages) {
    unsigned site = (unsigned)below(worker, SITES / 2);
    size_t old_pages = 1 + below(worker, 16);
    if (page + old_pages > WINDOW) old_pages = WINDOW - page;
    void *result = remappers[site](page_at(worker, page), old_pages * PAGE, pages * PAGE, 0, NULL);
    if (result == MAP_FAILED) {
        ask_kernel(worker, page, old_pages > pages ? old_pages : pages);
        return;
    }
    CHECK(result == page_at(worker, page));
    if (pages < old_pages)
        mark(worker, page + pages, old_pages - pages, 0);
    else if (pages > old_pages)
        mark(worker, page, pages, SITES / 2 + site + 1);
}

static void call_in_vain(worker *worker, size_t page, size_t pages) {
    errno = 0;
    CHECK(munmap(page_at(worker, page) + 1, pages * PAGE) == -1 && errno == EINVAL);
    CHECK(mappers[0](page_at(worker, page), pages * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, -1) == MAP_FAILED);
    CHECK(errno == EBADF);
    ask_kernel(worker, page, pages);
}

/* Map at an address of the kernel's choice. Other threads map and unmap next to it. */
static void map_anywhere(worker *worker, size_t pages) {
    char *mapped = mappers[0](NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    CHECK(mapped != MAP_FAILED);
    mapped[0] = 7;
    char *grown = remappers[0](mapped, pages * PAGE, 2 * pages * PAGE, MREMAP_MAYMOVE, NULL);
    CHECK(grown != MAP_FAILED && grown[0] == 7);
    CHECK(munmap(grown + pages * PAGE, pages * PAGE) == 0);
    CHECK(munmap(grown, pages * PAGE) == 0);
    (void)worker;
}

static void call_once(worker *worker) {
    size_t page = below(worker, WINDOW), pages = 1 + below(worker, UINT64_C(1) << below(worker, 8));
    if (page + pages > WINDOW) pages = WINDOW - page;
    switch (below(worker, 10)) {
    case 0:
    case 1:
    case 2:
        map_somewhere(worker, page, pages);
        break;
    case 3:
    case 4:
        unmap(worker, page, pages);
        break;
    case 5:
        move(worker, page, pages);
        break;
    case 6:
        resize(worker, page, pages);
        break;
    case 7:
        madvise(page_at(worker, page), pages * PAGE, below(worker, 2) ? MADV_DONTNEED : MADV_FREE);
        mprotect(page_at(worker, page), pages * PAGE, below(worker, 2) ? PROT_READ : PROT_READ | PROT_WRITE);
        break;
    case 8:
        call_in_vain(worker, page, pages);
        break;
    default:
        map_anywhere(worker, pages);
    }
}

/* ---- Signals ---- */

static _Atomic(char *) kept_by_handler;

static void map_in_handler(int number) {
    int saved_errno = errno;
    (void)number;
    char *mapped = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped != MAP_FAILED) {
        munmap(mapped + PAGE, PAGE);
        munmap(mapped + 2 * PAGE, PAGE);
        char *before = atomic_exchange(&kept_by_handler, mapped);
        if (before) munmap(before, PAGE);
    }
    errno = saved_errno;
}

static void send_signals(bool on) {
    const struct itimerval often = {.it_interval = {.tv_usec = on ? 300 : 0}, .it_value = {.tv_usec = on ? 300 : 0}};
    struct sigaction action = {.sa_handler = map_in_handler, .sa_flags = SA_RESTART};
    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &often, NULL); /* counts CPU time, so that it interrupts a working thread */
}

/* ---- Forks ---- */

static void go_on_in_child(void *argument) {
    worker *worker = argument;
    check_window(worker);
    for (int i = 0; i < 50; i++) call_once(worker);
    check_window(worker);
}

/* The child's calls are not followed, so they must have no lasting effect. */
static void fork_shallow(worker *worker) {
    pid_t child = vfork();
    if (child == 0) {
        char *mapped = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        munmap(mapped, PAGE);
        _exit(0);
    }
    int status;
    while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
    CHECK(status == 0);
    (void)worker;
}

/* ---- All together ---- */

static size_t calls_of_each(void) {
    const char *wanted = getenv("SPPROF_MODEL_CALLS");
    return (wanted ? strtoul(wanted, NULL, 10) : CALLS_SHORT) / THREADS;
}

static void work(unsigned index, void *argument) {
    worker *worker = &workers[index];
    size_t calls = *(size_t *)argument;
    *worker = (struct worker){.window = WINDOWS_AT + index * WINDOW_DISTANCE, .random = index + 1};
    for (worker->calls = 0; worker->calls < calls; worker->calls++) {
        call_once(worker);
        if (worker->calls % CALLS_BETWEEN_CHECKS == 0) check_window(worker);
        if (worker->calls % CALLS_BETWEEN_FORKS == index * 300) run_in_child(go_on_in_child, worker);
        if (worker->calls % CALLS_BETWEEN_FORKS == index * 300 + 100) fork_shallow(worker);
    }
    check_window(worker);
    unmap(worker, 0, WINDOW);
}

static void learn_sites(void) {
    for (unsigned site = 0; site < SITES / 2; site++) {
        char *mapped = mappers[site](NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
        spprof_mapping listed[2];
        spprof_stack stack;
        api.spprof_keep_stacks();
        CHECK(api.spprof_copy_mappings(listed, 2) == 1 && api.spprof_stack_get(listed[0].stack_id, &stack));
        leaves[site] = stack.frames[0];
        mapped = remappers[site](mapped, PAGE, 3 * PAGE, MREMAP_MAYMOVE, NULL);
        CHECK(api.spprof_copy_mappings(listed, 2) == 1 && api.spprof_stack_get(listed[0].stack_id, &stack));
        leaves[SITES / 2 + site] = stack.frames[0];
        api.spprof_let_stacks_go();
        CHECK(munmap(mapped, 3 * PAGE) == 0);
    }
}

/* Check that everything that is still listed is mapped, that is, in the kernel's list. */
static void check_kernel_list(void) {
    static spprof_mapping listed[ROOM];
    size_t count = api.spprof_copy_mappings(listed, ROOM), met = 0;
    unsigned long start, end;
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[8192];
    while (fgets(line, sizeof line, maps) && sscanf(line, "%lx-%lx", &start, &end) == 2)
        while (met < count && listed[met].address >= start && listed[met].address + listed[met].size <= end) met++;
    fclose(maps);
    CHECK(met == count);
}

TEST(test_what_is_listed_agrees_with_a_model_and_with_the_kernel) {
    const uint64_t seed = 1;
    size_t calls = calls_of_each();
    load_library();
    if (!getenv("LD_PRELOAD") || getenv("LD_PRELOAD")[0] == '\0') CHECK(api.spprof_patch() > 0);
    CHECK(api.spprof_start(0, &seed) == SPPROF_OK);
    shared_file = memfd_create("shared", 0);
    CHECK(ftruncate(shared_file, WINDOW * PAGE) == 0);
    learn_sites();
    send_signals(true);
    run_threads(THREADS, work, &calls);
    send_signals(false);
    check_kernel_list();
    spprof_mapping_stats stats;
    api.spprof_get_mapping_stats(&stats);
    print_message("%zu calls of each thread, %llu mappings\n", calls, (unsigned long long)stats.made);
    char *kept = atomic_exchange(&kept_by_handler, NULL);
    if (kept) munmap(kept, PAGE);
    assert_int_equal(api.spprof_copy_mappings(NULL, 0), 0);
    api.spprof_get_mapping_stats(&stats);
    assert_int_equal(stats.dropped, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_listed_agrees_with_a_model_and_with_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
