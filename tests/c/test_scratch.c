/* Scratch rooms for taking stacks: each taker gets its own and returns it, all are free in a child, and none is
 * returned when there is no memory.
 */
#include "scratch.h"

#include "memory.h"
#include "options.h"
#include "support.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#define THREADS 50
#define ROOMS_EACH 2
#define ROOMS (THREADS * ROOMS_EACH) /* more than the pool has slots */

_Static_assert(ROOMS > SP_SCRATCH_COUNT, "some rooms have to be mapped for their takers alone");

static sp_scratch *rooms[ROOMS];
static _Atomic unsigned threads_to_take;

static void fill(sp_scratch *room, uint8_t byte) {
    memset(room->addresses, byte, sizeof room->addresses);
    memset(room->ends, byte, sizeof room->ends);
    memset(room->words, byte, sizeof room->words);
    memset(room->merged, byte, sizeof room->merged);
}

static bool is_filled(const sp_scratch *room, uint8_t byte) {
    const uint8_t *bytes = (const uint8_t *)room;
    size_t filled = 0;
    while (filled < offsetof(sp_scratch, place) && bytes[filled] == byte) filled++;
    return filled == offsetof(sp_scratch, place);
}

static void take_some(unsigned thread) {
    for (unsigned i = 0; i < ROOMS_EACH; i++) {
        unsigned n = thread * ROOMS_EACH + i;
        rooms[n] = sp_scratch_take();
        CHECK(rooms[n]);
        fill(rooms[n], (uint8_t)n);
    }
}

static void take_and_give(unsigned thread, void *argument) {
    (void)argument;
    take_some(thread);
    atomic_fetch_sub(&threads_to_take, 1);
    while (atomic_load(&threads_to_take) != 0) sched_yield();
    for (unsigned i = 0; i < ROOMS_EACH; i++) {
        unsigned n = thread * ROOMS_EACH + i;
        CHECK(is_filled(rooms[n], (uint8_t)n));
        sp_scratch_give(rooms[n]);
    }
}

static void assert_distinct(void) {
    for (unsigned i = 0; i < ROOMS; i++)
        for (unsigned j = 0; j < i; j++) assert_ptr_not_equal(rooms[i], rooms[j]);
}

TEST(test_a_hundred_takers_at_once_have_a_room_each) {
    size_t before = sp_memory_mapped();
    threads_to_take = THREADS;
    run_threads(THREADS, take_and_give, NULL);
    assert_distinct();
    size_t kept = sp_memory_mapped() - before;
    assert_in_range(kept, SP_SCRATCH_COUNT * sizeof(sp_scratch), SP_SCRATCH_COUNT * (sizeof(sp_scratch) + 65536));
    threads_to_take = THREADS;
    run_threads(THREADS, take_and_give, NULL);
    assert_distinct();
    assert_int_equal(sp_memory_mapped() - before, kept);
}

static void take_and_give_often(unsigned thread, void *argument) {
    (void)argument;
    for (int i = 0; i < 2000; i++) {
        sp_scratch *room = sp_scratch_take();
        CHECK(room);
        memset(room->words, (int)thread, sizeof room->words);
        for (size_t n = 0; n < SP_SCRATCH_WORDS; n++) CHECK(room->words[n] == thread * UINT64_C(0x0101010101010101));
        sp_scratch_give(room);
    }
}

TEST(test_no_two_threads_are_ever_in_one_room) {
    run_threads(8, take_and_give_often, NULL);
}

TEST(test_one_thread_alone_always_finds_the_same_room) {
    sp_scratch *first = sp_scratch_take();
    assert_non_null(first);
    size_t mapped = sp_memory_mapped();
    sp_scratch_give(first);
    for (int i = 0; i < 1000; i++) {
        assert_ptr_equal(sp_scratch_take(), first);
        sp_scratch_give(first);
    }
    assert_int_equal(sp_memory_mapped(), mapped);
}

/* ---- Signals ---- */

static void take_in_handler(int number) {
    (void)number;
    rooms[1] = sp_scratch_take();
    CHECK(rooms[1]);
    fill(rooms[1], 2);
    sp_scratch_give(rooms[1]);
}

TEST(test_a_handler_has_another_room_than_what_it_interrupted) {
    signal(SIGUSR1, take_in_handler);
    rooms[0] = sp_scratch_take();
    fill(rooms[0], 1);
    raise(SIGUSR1);
    assert_ptr_not_equal(rooms[0], rooms[1]);
    assert_true(is_filled(rooms[0], 1));
    sp_scratch_give(rooms[0]);
}

/* ---- Fork ---- */

static void take_all_again(void *argument) {
    size_t before = sp_memory_mapped();
    (void)argument;
    sp_scratch_reset_after_fork();
    for (unsigned i = 0; i < SP_SCRATCH_COUNT; i++) {
        sp_scratch *room = sp_scratch_take();
        CHECK(room == rooms[i]);
    }
    CHECK(sp_memory_mapped() == before);
}

TEST(test_in_a_child_all_rooms_are_free) {
    for (unsigned i = 0; i < SP_SCRATCH_COUNT; i++) rooms[i] = sp_scratch_take();
    run_in_child(take_all_again, NULL);
    sp_scratch *other = sp_scratch_take();
    assert_int_equal(other->place, SP_SCRATCH_COUNT); /* and all of them are still taken in the parent */
    sp_scratch_give(other);
}

/* ---- Memory shortages ---- */

TEST(test_without_memory_there_is_no_room_and_later_there_is) {
    uint64_t limit = sp_options.engine_bytes_max;
    sp_options.engine_bytes_max = 0;
    for (unsigned i = 0; i < SP_SCRATCH_COUNT + 10; i++) assert_null(sp_scratch_take());
    sp_options.engine_bytes_max = limit;
    for (unsigned i = 0; i < SP_SCRATCH_COUNT; i++) {
        rooms[i] = sp_scratch_take();
        assert_non_null(rooms[i]);
        assert_int_equal(rooms[i]->place, i); /* no slot was lost */
    }
    sp_options.engine_bytes_max = 0;
    assert_null(sp_scratch_take());
    sp_scratch_give(rooms[7]);
    assert_ptr_equal(sp_scratch_take(), rooms[7]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hundred_takers_at_once_have_a_room_each),
        cmocka_unit_test(test_no_two_threads_are_ever_in_one_room),
        cmocka_unit_test(test_one_thread_alone_always_finds_the_same_room),
        cmocka_unit_test(test_a_handler_has_another_room_than_what_it_interrupted),
        cmocka_unit_test(test_in_a_child_all_rooms_are_free),
        cmocka_unit_test(test_without_memory_there_is_no_room_and_later_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
