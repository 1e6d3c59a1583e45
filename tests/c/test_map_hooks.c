/* mmap's family as a program calls it: with the library preloaded or, if it is not, with patched slots. */
#include "spprof.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))
#define UNTOUCHED 123
#define ROOM 4096 /* the maximum number of ranges in a test */

/* ---- The library, which this program does not link ---- */

#define FUNCTIONS(X)                                                                                                   \
    X(spprof_start)                                                                                                    \
    X(spprof_stop)                                                                                                     \
    X(spprof_shutdown)                                                                                                 \
    X(spprof_patch)                                                                                                    \
    X(spprof_pause)                                                                                                    \
    X(spprof_resume)                                                                                                   \
    X(spprof_set_native)                                                                                               \
    X(spprof_copy_mappings)                                                                                            \
    X(spprof_get_mapping_stats)                                                                                        \
    X(spprof_begin_arena)                                                                                              \
    X(spprof_end_arena)                                                                                                \
    X(spprof_leave_out_mappings_of)                                                                                    \
    X(spprof_keep_stacks)                                                                                              \
    X(spprof_let_stacks_go)                                                                                            \
    X(spprof_stack_get)

#include "loaded_engine.h"

static bool is_preloaded(void) {
    return getenv("LD_PRELOAD") && getenv("LD_PRELOAD")[0] != '\0';
}

static void start(uint32_t rate) {
    const uint64_t seed = 1;
    load_library();
    if (!is_preloaded()) CHECK(api.spprof_patch() > 0);
    CHECK(api.spprof_start(rate, &seed) == SPPROF_OK);
}

static spprof_mapping_stats stats(void) {
    spprof_mapping_stats now;
    api.spprof_get_mapping_stats(&now);
    return now;
}

/* ---- Listed mappings ---- */

typedef struct listed {
    spprof_mapping at[ROOM];
    size_t count;
} listed;

static void list(listed *out) {
    out->count = api.spprof_copy_mappings(out->at, ROOM);
    CHECK(out->count <= ROOM);
}

/* Return the mapping that contains the address. */
static const spprof_mapping *holding(const listed *in, const void *address) {
    for (size_t i = 0; i < in->count; i++)
        if ((uintptr_t)address >= in->at[i].address && (uintptr_t)address - in->at[i].address < in->at[i].size)
            return &in->at[i];
    return NULL;
}

/* Return whether a range of exactly these pages is listed. */
static bool has(const void *address, size_t pages) {
    listed now;
    list(&now);
    const spprof_mapping *found = holding(&now, address);
    return found && found->address == (uintptr_t)address && found->size == pages * PAGE;
}

static spprof_mapping_kind kind_of(const void *address) {
    listed now;
    list(&now);
    const spprof_mapping *found = holding(&now, address);
    assert_non_null(found);
    return (spprof_mapping_kind)found->kind;
}

static bool has_none(const void *address) {
    listed now;
    list(&now);
    return holding(&now, address) == NULL;
}

/* ---- Calls that the compiler cannot optimise ---- */

static void *opaque(void *address) {
    __asm__("" : "+r"(address));
    return address;
}

#define ANYWHERE (MAP_PRIVATE | MAP_ANONYMOUS)

static char *map(size_t pages) {
    errno = UNTOUCHED;
    char *mapped = opaque(mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, ANYWHERE, -1, 0));
    CHECK(mapped != MAP_FAILED && errno == UNTOUCHED);
    return mapped;
}

static char *map_at(char *address, size_t pages) {
    return opaque(mmap(address, pages * PAGE, PROT_READ | PROT_WRITE, ANYWHERE | MAP_FIXED, -1, 0));
}

static void unmap(char *address, size_t pages) {
    errno = UNTOUCHED;
    CHECK(munmap(address, pages * PAGE) == 0 && errno == UNTOUCHED);
}

/* Reserve pages that no other mapping will use; the pages around them are mapped. */
static char *reserve(size_t pages) {
    char *room = map(pages);
    unmap(room, pages);
    return map_at(room, pages);
}

/* ---- Single calls ---- */

TEST(test_before_the_start_nothing_is_listed) {
    load_library();
    char *early = map(10);
    assert_int_equal(stats().made, 0);
    start(0);
    assert_true(has_none(early));
    unmap(early, 10);
    assert_int_equal(stats().ranges, 0);
}

TEST(test_a_mapping_is_listed_until_it_is_unmapped) {
    start(0);
    char *mapped = map(3);
    assert_true(has(mapped, 3));
    memset(mapped, 7, 3 * PAGE);
    assert_int_equal(mapped[3 * PAGE - 1], 7);
    unmap(mapped, 3);
    assert_true(has_none(mapped));
    assert_int_equal(stats().bytes, 0);
}

TEST(test_a_size_is_whole_pages) {
    start(0);
    char *mapped = opaque(mmap(NULL, PAGE + 1, PROT_READ, ANYWHERE, -1, 0));
    assert_true(has(mapped, 2));
    assert_int_equal(munmap(mapped, PAGE + 1), 0);
    assert_true(has_none(mapped + PAGE));
}

TEST(test_a_part_that_is_unmapped_leaves_the_rest) {
    start(0);
    char *mapped = reserve(10);
    unmap(mapped + 4 * PAGE, 2);
    assert_true(has(mapped, 4));
    assert_true(has_none(mapped + 4 * PAGE));
    assert_true(has(mapped + 6 * PAGE, 4));
    unmap(mapped, 10);
    assert_int_equal(stats().ranges, 0);
}

TEST(test_a_fixed_mapping_replaces_what_is_there) {
    start(0);
    char *mapped = reserve(10);
    assert_ptr_equal(map_at(mapped + 2 * PAGE, 3), mapped + 2 * PAGE);
    assert_true(has(mapped, 2));
    assert_true(has(mapped + 2 * PAGE, 3));
    assert_true(has(mapped + 5 * PAGE, 5));
    assert_int_equal(stats().bytes, 10 * PAGE);
}

TEST(test_kinds_are_told_apart) {
    start(0);
    int file = memfd_create("kinds", 0);
    assert_int_equal(ftruncate(file, PAGE), 0);
    char *private = map(1), *of_file = opaque(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0));
    char *copied = opaque(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0));
    char *shared = opaque(mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    listed now;
    list(&now);
    assert_int_equal(holding(&now, private)->kind, SPPROF_MAPPING_ANONYMOUS);
    assert_int_equal(holding(&now, of_file)->kind, SPPROF_MAPPING_FILE);
    assert_int_equal(holding(&now, copied)->kind, SPPROF_MAPPING_FILE);
    assert_int_equal(holding(&now, shared)->kind, SPPROF_MAPPING_SHARED);
    assert_int_equal(holding(&now, shared)->thread_id, getpid());
    assert_true(holding(&now, shared)->time_ns >= holding(&now, private)->time_ns);
}

TEST(test_a_call_that_fails_leaves_everything_and_its_errno) {
    start(0);
    char *mapped = reserve(4);
    errno = 0;
    assert_int_equal(munmap(opaque(mapped + 1), PAGE), -1);
    assert_int_equal(errno, EINVAL);
    assert_ptr_equal(opaque(mmap(mapped, 0, PROT_READ, ANYWHERE | MAP_FIXED, -1, 0)), MAP_FAILED);
    assert_int_equal(errno, EINVAL);
    assert_ptr_equal(opaque(mmap(mapped, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, -1, 0)), MAP_FAILED);
    assert_int_equal(errno, EBADF);
    assert_ptr_equal(opaque(mremap(mapped, 4 * PAGE, (size_t)1 << 46, MREMAP_MAYMOVE)), MAP_FAILED);
    assert_int_equal(errno, ENOMEM);
    assert_true(has(mapped, 4));
}

static void *call_though_cancelled(void *went_on) {
    char *mapped = reserve(4), *other = reserve(4);
    unmap(mapped, 1);
    pthread_cancel(pthread_self());
    map_at(mapped, 0);
    opaque(mmap(mapped, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, -1, 0));
    opaque(mremap(mapped, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, other));
    opaque(mremap(mapped + PAGE, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, other));
    *(bool *)went_on = true;
    pthread_testcancel();
    return NULL;
}

TEST(test_a_thread_that_is_to_be_cancelled_does_not_end_in_a_call) {
    bool went_on = false;
    pthread_t thread;
    void *result;
    start(0);
    assert_int_equal(pthread_create(&thread, NULL, call_though_cancelled, &went_on), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_true(went_on);
    assert_ptr_equal(result, PTHREAD_CANCELED);
}

/* ---- mremap ---- */

static char *remap_to(char *old, size_t old_pages, size_t pages, int flags, char *to) {
    return opaque(mremap(old, old_pages * PAGE, pages * PAGE, flags | MREMAP_MAYMOVE, to));
}

TEST(test_what_shrinks_keeps_its_stack) {
    start(0);
    char *mapped = reserve(10);
    listed before, after;
    list(&before);
    assert_ptr_equal(opaque(mremap(mapped, 10 * PAGE, 4 * PAGE, 0)), mapped);
    assert_true(has(mapped, 4));
    list(&after);
    assert_true(holding(&before, mapped)->stack_id == holding(&after, mapped)->stack_id);
}

TEST(test_what_grows_is_made_anew) {
    start(0);
    char *mapped = reserve(10);
    listed before, after;
    list(&before);
    strcpy(mapped, "content");
    unmap(mapped + 4 * PAGE, 6);
    assert_ptr_equal(opaque(mremap(mapped, 4 * PAGE, 9 * PAGE, 0)), mapped);
    assert_true(has(mapped, 9));
    assert_string_equal(mapped, "content");
    list(&after);
    assert_true(holding(&before, mapped)->stack_id != holding(&after, mapped)->stack_id);
    assert_int_equal(holding(&after, mapped)->kind, SPPROF_MAPPING_ANONYMOUS);
    assert_int_equal(stats().ranges, 1);
}

TEST(test_what_is_moved_keeps_its_parts) {
    start(0);
    char *from = reserve(8), *to = reserve(8);
    map_at(from + 4 * PAGE, 4); /* the kernel merges the two */
    listed before, after;
    list(&before);
    strcpy(from + 4 * PAGE, "content");
    assert_ptr_equal(remap_to(from, 8, 8, MREMAP_FIXED, to), to);
    assert_string_equal(to + 4 * PAGE, "content");
    list(&after);
    assert_null(holding(&after, from));
    assert_true(holding(&after, to)->stack_id == holding(&before, from)->stack_id);
    assert_true(holding(&after, to + 4 * PAGE)->stack_id == holding(&before, from + 4 * PAGE)->stack_id);
    assert_int_equal(stats().bytes, 8 * PAGE);
}

TEST(test_what_is_moved_without_unmapping_is_listed_twice) {
    start(0);
    char *from = reserve(4), *to = reserve(4);
    char *moved = remap_to(from, 4, 4, MREMAP_FIXED | MREMAP_DONTUNMAP, to);
    if (moved == MAP_FAILED) skip(); /* not supported before Linux 5.7 */
    assert_true(has(from, 4));
    assert_true(has(to, 4));
}

TEST(test_a_shared_mapping_is_listed_again_where_it_is_duplicated) {
    start(0);
    char *shared = opaque(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    char *again = opaque(mremap(shared, 0, 4 * PAGE, MREMAP_MAYMOVE));
    strcpy(shared, "content");
    assert_string_equal(again, "content");
    assert_true(has(shared, 4));
    assert_true(has(again, 4));
    assert_int_equal(kind_of(again), SPPROF_MAPPING_SHARED);
}

TEST(test_a_mapping_from_before_the_start_is_listed_when_it_grows) {
    char *early = map(2);
    start(0);
    char *grown = opaque(mremap(early, 2 * PAGE, 400 * PAGE, MREMAP_MAYMOVE));
    assert_true(has(grown, 400));
    assert_int_equal(kind_of(grown), SPPROF_MAPPING_UNKNOWN);
}

/* The destination of a failed move may have been unmapped: the list must agree with the kernel. */
TEST(test_a_move_that_fails_lists_what_is_left) {
    start(0);
    char *from = reserve(4), *to = reserve(4);
    unmap(from, 1);
    errno = 0;
    assert_ptr_equal(remap_to(from, 4, 4, MREMAP_FIXED, to), MAP_FAILED);
    assert_int_equal(errno, EFAULT);
    assert_true(has(from + PAGE, 3));
    bool is_there = msync(to, 4 * PAGE, MS_ASYNC) == 0;
    assert_true(is_there ? has(to, 4) : has_none(to));
}

/* ---- System V ---- */

TEST(test_a_shared_segment_is_listed_while_it_is_attached) {
    start(0);
    int id = shmget(IPC_PRIVATE, 5 * PAGE, IPC_CREAT | 0600);
    if (id < 0) skip();
    char *one = opaque(shmat(id, NULL, 0)), *other = opaque(shmat(id, NULL, 0));
    shmctl(id, IPC_RMID, NULL);
    strcpy(one, "content");
    assert_string_equal(other, "content");
    assert_true(has(one, 5));
    assert_true(has(other, 5));
    assert_int_equal(kind_of(one), SPPROF_MAPPING_SHARED);
    unmap(one + PAGE, 1); /* shmdt removes both parts */
    assert_int_equal(shmdt(one), 0);
    assert_true(has_none(one));
    assert_true(has_none(one + 2 * PAGE));
    assert_true(has(other, 5));
    errno = 0;
    assert_int_equal(shmdt(one), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(shmdt(other), 0);
    assert_int_equal(stats().ranges, 0);
}

/* ---- Mappings that are left out ---- */

TEST(test_an_arena_is_left_out_and_takes_the_place_of_what_was_there) {
    start(0);
    char *mapped = reserve(4);
    api.spprof_begin_arena();
    char *arena = map(4);
    map_at(mapped + PAGE, 2);
    api.spprof_end_arena();
    assert_true(has_none(arena));
    assert_true(has_none(mapped + PAGE));
    assert_true(has(mapped, 1));
    assert_true(has(mapped + 3 * PAGE, 1));
}

TEST(test_calls_from_code_that_asks_for_it_are_left_out) {
    start(0);
    api.spprof_leave_out_mappings_of((const void *)(uintptr_t)map);
    char *mapped = map(4);
    assert_true(has_none(mapped));
}

TEST(test_with_native_off_nothing_is_listed_but_what_was_is_followed) {
    start(0);
    char *mapped = map(4);
    api.spprof_set_native(false);
    char *other = map(4);
    assert_true(has(mapped, 4));
    assert_true(has_none(other));
    unmap(mapped, 4);
    assert_int_equal(stats().ranges, 0);
}

TEST(test_after_a_stop_what_is_listed_is_followed) {
    start(0);
    char *mapped = map(4), *other = map(4);
    assert_int_equal(api.spprof_stop(), SPPROF_OK);
    char *later = map(4);
    unmap(mapped, 4);
    assert_true(has_none(mapped));
    assert_true(has_none(later));
    assert_true(has(other, 4));
}

TEST(test_after_a_shutdown_everything_passes_by) {
    start(0);
    char *mapped = map(4);
    api.spprof_shutdown();
    unmap(mapped, 4);
    map(4);
    assert_int_equal(stats().made, 1);
    assert_int_equal(stats().ranges, 1);
}

/* ---- The sampling rule ---- */

/* p = 1 − exp(−64 KiB / 512 KiB) = 0.1175. The count over 4,000 draws has a standard deviation of 20; a deviation
 * seven times as large occurs once in 10¹¹ runs. */
TEST(test_small_mappings_are_sampled_and_large_ones_all_listed) {
    enum { CALLS = 4000 };
    start(512 * 1024);
    const size_t pages = 65536 / PAGE;
    for (int i = 0; i < CALLS; i++) unmap(map(pages), pages);
    assert_in_range(stats().made, 470 - 7 * 20, 470 + 7 * 20);
    char *small = NULL;
    while (!small || has_none(small)) small = map(pages);
    listed now;
    list(&now);
    double probability = holding(&now, small)->probability;
    assert_true(probability > 0.1175 && probability < 0.1176);
    uint64_t before = stats().made;
    for (int i = 0; i < 100; i++) map(2 * pages);
    assert_int_equal(stats().made, before + 100);
    list(&now);
    assert_true(now.at[0].probability == 1 || now.at[now.count - 1].probability == 1);
}

/* ---- Changes that no hook sees ---- */

static long by_itself(long number, long one, long two) {
    return syscall(number, one, two, 0L, 0L, 0L, 0L);
}

TEST(test_what_was_unmapped_unseen_is_noticed) {
    start(0);
    char *one = reserve(10), *other = reserve(10), *third = reserve(10);
    assert_int_equal(by_itself(SYS_munmap, (long)(one + 3 * PAGE), 2 * PAGE), 0);
    assert_int_equal(by_itself(SYS_munmap, (long)other, 10 * PAGE), 0);
    assert_true(has(one, 3));
    assert_true(has(one + 5 * PAGE, 5));
    assert_true(has_none(other));
    assert_true(has(third, 10));
    assert_int_equal(stats().vanished, 2);
}

/* ---- Processes ---- */

static void change_in_child(void *argument) {
    char *inherited = argument;
    CHECK(has(inherited, 4));
    unmap(inherited, 2);
    char *own = map(3);
    CHECK(has(own, 3) && has(inherited + 2 * PAGE, 2));
}

TEST(test_a_forked_child_goes_on_by_itself) {
    start(0);
    char *mapped = reserve(4);
    run_in_child(change_in_child, mapped);
    assert_true(has(mapped, 4));
    assert_int_equal(stats().ranges, 1);
}

TEST(test_what_a_child_does_not_inherit_is_not_listed_there) {
    start(0);
    char *kept = reserve(4), *left = reserve(4);
    assert_int_equal(madvise(left, 4 * PAGE, MADV_DONTFORK), 0);
    pid_t child = fork();
    if (child == 0) _exit(has(kept, 4) && has_none(left) ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(has(left, 4));
}

/* The child shares our memory and may end at any time, so the table stays unchanged. */
TEST(test_a_child_of_vfork_changes_nothing) {
    start(0);
    static char *volatile mapped, *volatile made;
    mapped = reserve(4);
    pid_t child = vfork();
    if (child == 0) {
        made = mmap(NULL, 4 * PAGE, PROT_READ, ANYWHERE, -1, 0);
        munmap(mapped, PAGE);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(has_none(made));
    assert_int_equal(stats().made, 2);
    assert_true(has(mapped + PAGE, 3)); /* the child's munmap is noticed */
    unmap(made, 4);
}

/* ---- Signal handlers ---- */

static char *volatile made_by_handler, *volatile unmapped_by_handler, *volatile replaced_by_handler;

static void map_in_handler(int number) {
    (void)number;
    made_by_handler = map(6);
    if (unmapped_by_handler) unmap(unmapped_by_handler, 2);
    if (replaced_by_handler) map_at(replaced_by_handler + PAGE, 1);
}

TEST(test_a_handler_may_map_and_unmap) {
    start(0);
    char *mapped = reserve(4);
    unmapped_by_handler = mapped;
    signal(SIGUSR1, map_in_handler);
    raise(SIGUSR1);
    assert_true(has(made_by_handler, 6));
    assert_true(has_none(mapped));
    assert_true(has(mapped + 2 * PAGE, 2));
}

/* The handler interrupts the engine, whose locks it cannot take. */
TEST(test_what_a_handler_did_inside_the_engine_is_listed_with_the_next_call) {
    start(0);
    char *mapped = reserve(4), *other = reserve(4);
    unmapped_by_handler = mapped;
    replaced_by_handler = other;
    signal(SIGUSR1, map_in_handler);
    api.spprof_pause();
    raise(SIGUSR1);
    char *first = made_by_handler;
    unmapped_by_handler = first;
    raise(SIGUSR1);
    api.spprof_resume();
    assert_true(has_none(mapped));
    assert_true(has(mapped + 2 * PAGE, 2));
    assert_true(has(first + 2 * PAGE, 4));
    assert_true(has(made_by_handler, 6));
    listed x;
    list(&x);
    assert_true(has(other + PAGE, 1));
    assert_true(has(other, 1));
}

/* There are more mappings than the list holds: some are not listed, and none that was unmapped stays listed. */
TEST(test_more_than_the_list_of_handlers_holds_does_no_harm) {
    enum { MAPPED = 100 };
    static char *mapped[MAPPED];
    start(0);
    for (int i = 0; i < MAPPED; i++) mapped[i] = reserve(1);
    api.spprof_pause();
    for (int i = 0; i < MAPPED; i++) unmap(mapped[i], 1);
    for (int i = 0; i < MAPPED; i++) map(1);
    api.spprof_resume();
    for (int i = 0; i < MAPPED; i++) CHECK(msync(mapped[i], PAGE, MS_ASYNC) == 0 || has_none(mapped[i]));
    assert_true(stats().dropped > 0);
}

/* ---- Full ---- */

TEST(test_what_finds_no_room_is_counted_and_the_call_succeeds) {
    setenv("SPPROF_MAPPINGS_MAX", "40", 1);
    start(0);
    char *mapped = reserve(200);
    for (int i = 0; i < 100; i++) map_at(mapped + 2 * i * PAGE, 1);
    assert_true(stats().dropped > 0);
    for (int i = 0; i < 100; i++) map_at(mapped + 2 * i * PAGE, 1);
    unmap(mapped, 200);
    assert_int_equal(stats().ranges, 0);
    assert_true(has(map(1), 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_the_start_nothing_is_listed),
        cmocka_unit_test(test_a_mapping_is_listed_until_it_is_unmapped),
        cmocka_unit_test(test_a_size_is_whole_pages),
        cmocka_unit_test(test_a_part_that_is_unmapped_leaves_the_rest),
        cmocka_unit_test(test_a_fixed_mapping_replaces_what_is_there),
        cmocka_unit_test(test_kinds_are_told_apart),
        cmocka_unit_test(test_a_call_that_fails_leaves_everything_and_its_errno),
        cmocka_unit_test(test_a_thread_that_is_to_be_cancelled_does_not_end_in_a_call),
        cmocka_unit_test(test_what_shrinks_keeps_its_stack),
        cmocka_unit_test(test_what_grows_is_made_anew),
        cmocka_unit_test(test_what_is_moved_keeps_its_parts),
        cmocka_unit_test(test_what_is_moved_without_unmapping_is_listed_twice),
        cmocka_unit_test(test_a_shared_mapping_is_listed_again_where_it_is_duplicated),
        cmocka_unit_test(test_a_mapping_from_before_the_start_is_listed_when_it_grows),
        cmocka_unit_test(test_a_move_that_fails_lists_what_is_left),
        cmocka_unit_test(test_a_shared_segment_is_listed_while_it_is_attached),
        cmocka_unit_test(test_an_arena_is_left_out_and_takes_the_place_of_what_was_there),
        cmocka_unit_test(test_calls_from_code_that_asks_for_it_are_left_out),
        cmocka_unit_test(test_with_native_off_nothing_is_listed_but_what_was_is_followed),
        cmocka_unit_test(test_after_a_stop_what_is_listed_is_followed),
        cmocka_unit_test(test_after_a_shutdown_everything_passes_by),
        cmocka_unit_test(test_small_mappings_are_sampled_and_large_ones_all_listed),
        cmocka_unit_test(test_what_was_unmapped_unseen_is_noticed),
        cmocka_unit_test(test_a_forked_child_goes_on_by_itself),
        cmocka_unit_test(test_what_a_child_does_not_inherit_is_not_listed_there),
        cmocka_unit_test(test_a_child_of_vfork_changes_nothing),
        cmocka_unit_test(test_a_handler_may_map_and_unmap),
        cmocka_unit_test(test_what_a_handler_did_inside_the_engine_is_listed_with_the_next_call),
        cmocka_unit_test(test_more_than_the_list_of_handlers_holds_does_no_harm),
        cmocka_unit_test(test_what_finds_no_room_is_counted_and_the_call_succeeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
