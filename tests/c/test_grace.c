/* Grace periods compared with a naive model that records which readers were inside when a period began. */
#include "grace.h"
#include "support.h"

#include <sched.h>

#define READERS 12

static sp_grace grace;
static struct {
    bool inside, waited_for;
    uint32_t phase;
} readers[READERS];

static bool any_waited_for(void) {
    for (int i = 0; i < READERS; i++)
        if (readers[i].inside && readers[i].waited_for) return true;
    return false;
}

static void toggle(int i) {
    if (readers[i].inside)
        sp_grace_leave(&grace, readers[i].phase);
    else
        readers[i].phase = sp_grace_enter(&grace);
    readers[i].inside = !readers[i].inside;
    readers[i].waited_for = false;
}

TEST(test_a_period_is_never_over_while_a_reader_from_before_is_inside) {
    uint64_t random = 1, periods = 0;
    sp_grace_seen seen = sp_grace_begin(&grace);
    for (int step = 0; step < 200000; step++) {
        toggle((int)random_below(&random, READERS));
        if (random_below(&random, 3) > 0 || !sp_grace_is_over(&grace, &seen)) continue;
        assert_false(any_waited_for());
        for (int i = 0; i < READERS; i++) readers[i].waited_for = readers[i].inside;
        seen = sp_grace_begin(&grace);
        periods++;
    }
    assert_true(periods > 100);
}

TEST(test_readers_that_follow_one_another_without_end_do_not_keep_a_period_from_ending) {
    uint32_t before = sp_grace_enter(&grace);
    sp_grace_seen seen = sp_grace_begin(&grace);
    for (int i = 0; i < 10; i++) assert_false(sp_grace_is_over(&grace, &seen));
    uint32_t last = before;
    bool over = false;
    for (int i = 0; i < 10 && !over; i++) { /* a reader is always inside */
        uint32_t next = sp_grace_enter(&grace);
        sp_grace_leave(&grace, last);
        last = next;
        over = sp_grace_is_over(&grace, &seen);
    }
    assert_true(over);
}

TEST(test_a_child_waits_for_no_reader_of_its_parent) {
    sp_grace_enter(&grace);
    sp_grace_reset_after_fork(&grace);
    sp_grace_seen seen = sp_grace_begin(&grace);
    assert_true(sp_grace_is_over(&grace, &seen));
}

/* ---- Threads ---- */

#define THREADS 4
#define ROUNDS 300

typedef struct cell {
    _Atomic bool reused;
} cell;

static cell cells[ROUNDS + 1];
static _Atomic(cell *) shown = &cells[0];
static _Atomic bool ended;

static void read_or_replace(unsigned thread, void *unused) {
    (void)unused;
    if (thread > 0) {
        while (!atomic_load(&ended)) {
            uint32_t phase = sp_grace_enter(&grace);
            cell *at = atomic_load(&shown);
            for (int i = 0; i < 20; i++) CHECK(!atomic_load_explicit(&at->reused, memory_order_relaxed));
            sp_grace_leave(&grace, phase);
        }
        return;
    }
    for (int i = 0; i < ROUNDS; i++) {
        atomic_store(&shown, &cells[i + 1]);
        sp_grace_seen seen = sp_grace_begin(&grace);
        while (!sp_grace_is_over(&grace, &seen)) sched_yield();
        atomic_store_explicit(&cells[i].reused, true, memory_order_relaxed);
    }
    atomic_store(&ended, true);
}

TEST(test_no_thread_sees_what_was_reused) {
    run_threads(THREADS, read_or_replace, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_period_is_never_over_while_a_reader_from_before_is_inside),
        cmocka_unit_test(test_readers_that_follow_one_another_without_end_do_not_keep_a_period_from_ending),
        cmocka_unit_test(test_a_child_waits_for_no_reader_of_its_parent),
        cmocka_unit_test(test_no_thread_sees_what_was_reused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
