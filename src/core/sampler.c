#include "sampler.h"

#include <math.h>
#include <stdatomic.h>

#define RATE_BITS UINT64_C(0x7FFFFFFF) /* SPPROF_RATE_MAX is 2^30 */
#define SEEDED_BIT (UINT64_C(1) << 31)
#define ACTIVE_BIT (UINT64_C(1) << 63)
#define LONGEST_DRAW ((INT64_C(1) << SP_EPOCH_SHIFT) - 1) /* 1024 × the largest rate; a draw is at most 37 × it */
#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

static _Atomic uint64_t seed_base;
static _Atomic uint64_t threads_seeded;

uint64_t sp_plan_pack(sp_plan plan) {
    return plan.rate | (plan.seeded ? SEEDED_BIT : 0) | (uint64_t)plan.epoch << 32 | (plan.active ? ACTIVE_BIT : 0);
}

sp_plan sp_plan_unpack(uint64_t word) {
    return (sp_plan){
        .rate = (uint32_t)(word & RATE_BITS),
        .epoch = (uint32_t)(word >> 32) & 0x7FFFFFFF,
        .active = word & ACTIVE_BIT,
        .seeded = word & SEEDED_BIT,
    };
}

int64_t sp_plan_gate(sp_plan plan) {
    return (int64_t)plan.epoch << SP_EPOCH_SHIFT;
}

/* This is the finalizer of splitmix64 (Steele, Lea and Flood 2014), a bijection that spreads every bit. */
static uint64_t mix(uint64_t word) {
    word = (word ^ word >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    word = (word ^ word >> 27) * UINT64_C(0x94D049BB133111EB);
    return word ^ word >> 31;
}

void sp_sampler_seed(uint64_t seed) {
    atomic_store(&seed_base, mix(seed));
    atomic_store(&threads_seeded, 0);
}

/* Threads are numbered in the order in which they first draw. The number is mixed twice, so that neighbours do not
 * share a sequence. */
static void seed_thread(spprof_thread *self, uint32_t epoch) {
    uint64_t place = atomic_fetch_add(&threads_seeded, 1) + 1;
    self->random = mix(mix(atomic_load(&seed_base) + place * GOLDEN) + place);
    self->epoch = epoch;
}

/* Return a random number, uniform in (0, 1]: 53 bits, never 0. */
static double uniform(spprof_thread *self) {
    self->random += GOLDEN;
    return (double)((mix(self->random) >> 11) + 1) * 0x1p-53;
}

static void seed_if_due(spprof_thread *self, sp_plan plan) {
    if (self->random == 0 || (plan.seeded && self->epoch != plan.epoch)) seed_thread(self, plan.epoch);
}

double sp_sampler_uniform(spprof_thread *self, sp_plan plan) {
    seed_if_due(self, plan);
    return uniform(self);
}

/* Draw floor(Exp(rate)). The floor changes nothing: for integer s, floor(x) < s exactly when x < s. */
static int64_t draw(spprof_thread *self, sp_plan plan) {
    seed_if_due(self, plan);
    double bytes = -log(uniform(self)) * plan.rate;
    return bytes < (double)LONGEST_DRAW ? (int64_t)bytes : LONGEST_DRAW;
}

void sp_sampler_redraw(spprof_thread *self, sp_plan plan) {
    self->drawn_rate = plan.rate;
    self->countdown = plan.rate == 0 ? SP_COUNTDOWN_DUE : sp_plan_gate(plan) + draw(self, plan);
}

void sp_sampler_lift(spprof_thread *self, sp_plan plan) {
    if (self->countdown < 0) self->countdown = plan.active ? SP_COUNTDOWN_DUE : sp_plan_gate(plan) + LONGEST_DRAW;
}

bool sp_sampler_decide(spprof_thread *self, sp_plan plan, size_t size) {
    if (plan.rate == 0) {
        self->drawn_rate = 0;
        return true;
    }
    int64_t gate = sp_plan_gate(plan);
    int64_t after = self->countdown;
    int64_t before = after + (int64_t)size;
    if (after >= gate) return false;
    if (before < gate) { /* the countdown is from an earlier start: draw first, then decide */
        int64_t left = draw(self, plan);
        self->drawn_rate = plan.rate;
        if ((uint64_t)left >= size) {
            self->countdown = gate + left - (int64_t)size;
            return false;
        }
    }
    return true;
}
