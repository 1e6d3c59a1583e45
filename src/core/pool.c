#include "pool.h"

#include "profiler.h"

static bool decide(spprof_thread *self, sp_plan plan, size_t size) {
    if (self->expecting) sp_profiler_meet_expected(self);
    if (sp_sampler_decide(self, plan, size)) return true;
    if (self->expecting) self->countdown = SP_COUNTDOWN_DUE;
    return false;
}

bool sp_handoff_begin(size_t size) {
    spprof_thread *self = &spprof_this_thread;
    sp_plan plan = sp_profiler_plan();
    if (self->guard || !plan.active || !decide(self, plan, size)) {
        sp_sampler_lift(self, plan);
        return false;
    }
    self->handoff_size = (uint16_t)size;
    self->handoff_armed = 1;
    self->countdown = SP_COUNTDOWN_DUE; /* makes the lower hook take its slow path, where it completes the handoff */
    return true;
}

bool sp_handoff_end(void) {
    spprof_thread *self = &spprof_this_thread;
    bool taken = !self->handoff_armed;
    self->handoff_armed = 0;
    sp_plan plan = sp_profiler_plan();
    sp_sampler_redraw(self, plan);
    if (self->expecting) self->countdown = SP_COUNTDOWN_DUE;
    if (!taken && plan.active) spprof_count_drop(SPPROF_DROP_HOOK_DISPLACED);
    return taken;
}

/* Half the distance between two gates: a probe of a few hundred bytes stays above the current gate. */
static int64_t probe_countdown(void) {
    return sp_plan_gate(sp_profiler_plan()) + (INT64_C(1) << (SP_EPOCH_SHIFT - 1));
}

void spprof_probe_begin(void) {
    sp_profiler_use();
    sp_guard_enter(&spprof_this_thread);
    spprof_this_thread.countdown = probe_countdown();
}

/* Leave the countdown due. Redrawing it is unbiased: the exponential is memoryless. */
int64_t spprof_probe_end(void) {
    int64_t counted = probe_countdown() - spprof_this_thread.countdown;
    spprof_this_thread.countdown = SP_COUNTDOWN_DUE;
    sp_guard_leave(&spprof_this_thread);
    return counted;
}
