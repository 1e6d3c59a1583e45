/* The table of what ticks mean: each cookie reaches its thread, once, and no other thread. */
#include "support.h"
#include "tick_posts.h"

#include <sched.h>

static sp_tick_posts posts;

static uint64_t cookie_of(uint32_t session, uint32_t number) {
    return (uint64_t)session << 32 | number;
}

static uint64_t take_both(sp_tick_slot *slot, uint64_t *second) {
    uint64_t first = sp_tick_slot_take(slot, 0);
    *second = sp_tick_slot_take(slot, 1);
    return first;
}

TEST(test_a_thread_without_a_post_finds_nothing) {
    uint64_t second;
    assert_null(sp_tick_posts_find(&posts, 5)); /* not created yet */
    assert_true(sp_tick_posts_create(&posts, 4));
    assert_null(sp_tick_posts_find(&posts, 5));
    sp_tick_slot *slot = sp_tick_posts_add(&posts, 5);
    assert_ptr_equal(sp_tick_posts_find(&posts, 5), slot);
    assert_null(sp_tick_posts_find(&posts, 5 + posts.capacity));
    assert_int_equal(take_both(slot, &second), 0);
    assert_int_equal(second, 0);
}

TEST(test_one_signal_brings_a_tick_and_a_question) {
    uint64_t second;
    assert_true(sp_tick_posts_create(&posts, 4));
    sp_tick_slot *slot = sp_tick_posts_add(&posts, 5);
    sp_tick_slot_post(slot, cookie_of(1, 7));
    sp_tick_slot_post(slot, cookie_of(UINT32_MAX, 8));
    assert_int_equal(take_both(slot, &second), cookie_of(1, 7));
    assert_int_equal(second, cookie_of(UINT32_MAX, 8));
    assert_int_equal(take_both(slot, &second), 0);
    assert_int_equal(second, 0);
}

/* A thread that blocks the signal is asked again and again, and its tick still waits. */
TEST(test_a_later_question_replaces_a_question_and_not_the_tick) {
    uint64_t second;
    assert_true(sp_tick_posts_create(&posts, 4));
    sp_tick_slot *slot = sp_tick_posts_add(&posts, 5);
    sp_tick_slot_post(slot, cookie_of(1, 7));
    for (uint32_t question = 1; question < 9; question++) sp_tick_slot_post(slot, cookie_of(UINT32_MAX, question));
    assert_int_equal(take_both(slot, &second), cookie_of(1, 7));
    assert_int_equal(second, cookie_of(UINT32_MAX, 8));
}

TEST(test_a_later_session_replaces_the_older_cookie) {
    uint64_t second;
    assert_true(sp_tick_posts_create(&posts, 4));
    sp_tick_slot *slot = sp_tick_posts_add(&posts, 5);
    sp_tick_slot_post(slot, cookie_of(1, 7));
    sp_tick_slot_post(slot, cookie_of(UINT32_MAX, 8));
    sp_tick_slot_post(slot, cookie_of(2, 7));
    assert_int_equal(take_both(slot, &second), cookie_of(2, 7));
    assert_int_equal(second, cookie_of(UINT32_MAX, 8));
}

TEST(test_only_the_withdrawn_cookie_is_taken_back) {
    uint64_t second;
    assert_true(sp_tick_posts_create(&posts, 4));
    sp_tick_slot *slot = sp_tick_posts_add(&posts, 5);
    sp_tick_slot_post(slot, cookie_of(1, 7));
    sp_tick_slot_post(slot, cookie_of(UINT32_MAX, 8));
    sp_tick_slot_withdraw(slot, cookie_of(1, 6));
    sp_tick_slot_withdraw(slot, cookie_of(1, 7));
    assert_int_equal(take_both(slot, &second), 0);
    assert_int_equal(second, cookie_of(UINT32_MAX, 8));
}

/* Against an array of who has a slot. Ids collide, since they are far more than the slots. */
#define IDS 3000

TEST(test_threads_come_and_go_without_losing_their_slots) {
    static bool has[IDS + 1];
    uint64_t random = 1, count = 0;
    assert_true(sp_tick_posts_create(&posts, 32));
    for (int step = 0; step < 300000; step++) {
        uint32_t id = 1 + (uint32_t)random_below(&random, IDS);
        sp_tick_slot *slot = sp_tick_posts_find(&posts, id);
        assert_int_equal(slot != NULL, has[id]);
        if (slot && count > 20) {
            sp_tick_posts_remove(&posts, slot);
            has[id] = false;
            count--;
        } else if (!slot && count < 40) {
            slot = sp_tick_posts_add(&posts, id);
            assert_non_null(slot);
            assert_int_equal(slot->port | atomic_load(&slot->cookies[0]) | atomic_load(&slot->cookies[1]), 0);
            has[id] = true;
            count++;
            slot->port = id;
            sp_tick_slot_post(slot, id);
        }
        if (has[id]) assert_int_equal(slot->port, id);
        assert_int_equal(posts.count, count);
    }
    sp_tick_posts_empty(&posts);
    for (uint32_t id = 1; id <= IDS; id++) assert_null(sp_tick_posts_find(&posts, id));
}

/* What a program without any threads finds in the end is as empty as in the beginning. */
TEST(test_removed_slots_leave_nothing_that_a_search_must_pass) {
    assert_true(sp_tick_posts_create(&posts, 4));
    for (uint32_t id = 60; id < 70; id++) assert_non_null(sp_tick_posts_add(&posts, id)); /* around the end */
    for (uint32_t id = 60; id < 70; id++) sp_tick_posts_remove(&posts, sp_tick_posts_find(&posts, id));
    for (uint32_t i = 0; i < posts.capacity; i++) assert_int_equal(atomic_load(&posts.slots[i].thread_id), 0);
}

TEST(test_a_full_table_refuses_threads_and_still_finds_the_others) {
    uint32_t id = 1;
    assert_true(sp_tick_posts_create(&posts, 4));
    while (sp_tick_posts_add(&posts, id)) id++;
    assert_int_equal(id - 1, posts.capacity);
    for (uint32_t known = 1; known < id; known++) assert_non_null(sp_tick_posts_find(&posts, known));
    assert_null(sp_tick_posts_find(&posts, id));
    sp_tick_posts_remove(&posts, sp_tick_posts_find(&posts, 3));
    assert_non_null(sp_tick_posts_add(&posts, 3 + posts.capacity));
}

/* One thread sends, the others take, each from its own slot. */
#define TAKERS 3
#define SENT 200000

static _Atomic uint64_t taken[TAKERS], last_taken[TAKERS];
static _Atomic bool finished;

static void send_all(void) {
    for (uint32_t number = 1; number <= SENT; number++) {
        uint32_t taker = number % TAKERS;
        sp_tick_slot_post(sp_tick_posts_add(&posts, taker + 1), cookie_of(taker + 1, number));
    }
    atomic_store(&finished, true);
}

static void take_own(unsigned taker) {
    sp_tick_slot *slot = sp_tick_posts_find(&posts, taker + 1);
    for (unsigned lane = 0; slot && lane < SP_TICK_LANES; lane++) {
        uint64_t cookie = sp_tick_slot_take(slot, lane);
        if (cookie == 0) continue;
        CHECK(cookie >> 32 == taker + 1);
        CHECK((uint32_t)cookie > atomic_load(&last_taken[taker]));
        atomic_store(&last_taken[taker], (uint32_t)cookie);
        atomic_fetch_add(&taken[taker], 1);
    }
}

static void send_or_take(unsigned index, void *unused) {
    (void)unused;
    if (index == TAKERS) {
        send_all();
        return;
    }
    while (!atomic_load(&finished)) take_own(index);
    take_own(index);
}

TEST(test_cookies_reach_their_own_thread_and_the_last_is_never_lost) {
    assert_true(sp_tick_posts_create(&posts, TAKERS));
    run_threads(TAKERS + 1, send_or_take, NULL);
    for (uint32_t taker = 0; taker < TAKERS; taker++) {
        assert_true(atomic_load(&taken[taker]) > 0);
        assert_true(atomic_load(&last_taken[taker]) > SENT - TAKERS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_thread_without_a_post_finds_nothing),
        cmocka_unit_test(test_one_signal_brings_a_tick_and_a_question),
        cmocka_unit_test(test_a_later_question_replaces_a_question_and_not_the_tick),
        cmocka_unit_test(test_a_later_session_replaces_the_older_cookie),
        cmocka_unit_test(test_only_the_withdrawn_cookie_is_taken_back),
        cmocka_unit_test(test_threads_come_and_go_without_losing_their_slots),
        cmocka_unit_test(test_removed_slots_leave_nothing_that_a_search_must_pass),
        cmocka_unit_test(test_a_full_table_refuses_threads_and_still_finds_the_others),
        cmocka_unit_test(test_cookies_reach_their_own_thread_and_the_last_is_never_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
