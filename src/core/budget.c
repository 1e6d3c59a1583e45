#include "budget.h"

#include "clock.h"
#include "profiler.h"

/* A window ends when it contains enough parts, or has used up what one second allows. */
#define WINDOW_NS UINT64_C(100000000)
#define WINDOW_PARTS 32
#define SECOND_NS UINT64_C(1000000000)

/* If a thread lost its core in the meantime, the measured time also includes its wait. */
#define PART_MAX_NS UINT64_C(100000)

#define LONGER_MAX 16.0
#define SHORTER_MAX 0.5

sp_budget sp_the_budget;

static sp_budget *const budget = &sp_the_budget;

void spprof_set_budget(uint32_t share_ppm) {
    atomic_store(&budget->wanted_ppm, share_ppm);
}

void sp_budget_start(uint32_t base_rate) {
    atomic_store(&budget->base_rate, base_rate);
    atomic_store(&budget->window_began_ns, sp_clock_monotonic_ns());
    atomic_store(&budget->window_spent_ns, 0);
    atomic_store(&budget->window_parts, 0);
    atomic_store(&budget->share_ppm, base_rate == 0 ? 0 : atomic_load(&budget->wanted_ppm));
}

uint32_t sp_budget_share(void) {
    return atomic_load(&budget->share_ppm);
}

uint64_t sp_budget_spent_ns(void) {
    return atomic_load(&budget->spent_ns);
}

uint64_t sp_budget_time_ns(void) {
    return sp_clock_monotonic_ns();
}

static uint64_t allowed_ns(uint32_t share_ppm, uint64_t elapsed_ns) {
    return elapsed_ns / 1000 * share_ppm / 1000;
}

uint32_t sp_budget_next_rate(uint32_t rate, uint32_t base_rate, uint32_t share_ppm, uint64_t spent_ns,
                             uint64_t elapsed_ns) {
    double times = (double)spent_ns / ((double)allowed_ns(share_ppm, elapsed_ns) + 1);
    if (times > LONGER_MAX) times = LONGER_MAX;
    if (times < SHORTER_MAX) times = SHORTER_MAX;
    double next = rate * times;
    if (next < base_rate) return base_rate;
    return next < SPPROF_RATE_MAX ? (uint32_t)next : SPPROF_RATE_MAX;
}

void sp_budget_note_rate(uint32_t rate) {
    _Atomic uint32_t *longest = &sp_the_profiler.counters.longest_rate;
    uint32_t known = atomic_load(longest);
    while (rate > known && !atomic_compare_exchange_weak(longest, &known, rate)) {
    }
}

/* Change nothing if a start or stop has replaced the plan in the meantime. */
static void change_rate(sp_plan plan, uint32_t rate) {
    uint64_t expected = sp_plan_pack(plan);
    plan.rate = rate;
    if (atomic_compare_exchange_strong(&sp_the_profiler.plan, &expected, sp_plan_pack(plan))) sp_budget_note_rate(rate);
}

static void end_window(uint32_t share_ppm, uint64_t elapsed_ns) {
    uint64_t spent = atomic_exchange(&budget->window_spent_ns, 0);
    atomic_store(&budget->window_parts, 0);
    sp_plan plan = sp_profiler_plan();
    if (!plan.active) return;
    uint32_t base = atomic_load(&budget->base_rate);
    uint32_t rate = sp_budget_next_rate(plan.rate, base, share_ppm, spent, elapsed_ns);
    if (rate != plan.rate) change_rate(plan, rate);
}

void sp_budget_spend_since(uint64_t began_ns) {
    uint64_t now = sp_clock_monotonic_ns();
    uint64_t part = now - began_ns < PART_MAX_NS ? now - began_ns : PART_MAX_NS;
    uint32_t share = atomic_load(&budget->share_ppm);
    atomic_fetch_add(&budget->spent_ns, part);
    uint64_t spent = atomic_fetch_add(&budget->window_spent_ns, part) + part;
    uint64_t parts = atomic_fetch_add(&budget->window_parts, 1) + 1;
    uint64_t window = atomic_load(&budget->window_began_ns);
    uint64_t elapsed = now > window ? now - window : 0;
    bool is_told = elapsed >= WINDOW_NS && (parts >= WINDOW_PARTS || elapsed >= SECOND_NS);
    if (!is_told && spent < allowed_ns(share, SECOND_NS)) return;
    if (atomic_compare_exchange_strong(&budget->window_began_ns, &window, now)) end_window(share, elapsed);
}
