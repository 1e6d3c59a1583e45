#include "state_text.h"

#include "own_numbers.h"
#include "spprof.h"
#include "state.h"

#include <string.h>

/* Our own names need no escapes. */
static void put_name(sp_buffer *to, const char *name) {
    if (to->data[to->length - 1] != '{') sp_buffer_put_text(to, ", ");
    sp_buffer_put_text(to, "\"");
    sp_buffer_put_text(to, name);
    sp_buffer_put_text(to, "\": ");
}

static void put_number(sp_buffer *to, const char *name, uint64_t number) {
    put_name(to, name);
    sp_buffer_put_number(to, number);
}

static void put_text(sp_buffer *to, const char *name, const char *text) {
    put_name(to, name);
    sp_buffer_put_json(to, text, strlen(text));
}

static void put_bool(sp_buffer *to, const char *name, bool truth) {
    put_name(to, name);
    sp_buffer_put_text(to, truth ? "true" : "false");
}

static void put_process(sp_buffer *to) {
    sp_own_numbers numbers;
    sp_state state;
    sp_own_numbers_read(&numbers);
    sp_state_read(&state);
    put_text(to, "schema", "spprof-state-1");
    put_number(to, "pid", numbers.pid);
    put_text(to, "program", state.program);
    put_text(to, "spprof", SPPROF_VERSION);
    put_text(to, "python", state.python);
    put_number(to, "started_ns", state.started_ns > 0 ? (uint64_t)state.started_ns : 0);
    put_number(to, "rss_bytes", numbers.rss_bytes);
    put_number(to, "cpu_ns", numbers.cpu_ns);
    put_number(to, "threads", numbers.threads);
}

static void put_heap(sp_buffer *to) {
    spprof_stats stats;
    spprof_get_stats(&stats);
    put_name(to, "heap");
    sp_buffer_put_text(to, "{");
    put_bool(to, "active", spprof_is_active());
    put_number(to, "sampling_interval_bytes", stats.rate);
    put_number(to, "live_samples", stats.live_samples);
    put_number(to, "total_samples", stats.total_samples);
    put_number(to, "live_bytes", stats.live_bytes / SPPROF_BYTES_ONE);
    put_number(to, "peak_bytes", stats.peak_bytes / SPPROF_BYTES_ONE);
    sp_buffer_put_text(to, "}");
}

static void put_cpu(sp_buffer *to) {
    spprof_cpu_stats stats;
    spprof_cpu_get_stats(&stats);
    put_name(to, "cpu");
    sp_buffer_put_text(to, "{");
    put_bool(to, "active", stats.active);
    put_number(to, "interval_ns", stats.plan.interval_ns);
    put_text(to, "mode", stats.plan.wall ? "wall" : "cpu");
    put_number(to, "samples", stats.samples);
    sp_buffer_put_text(to, "}");
}

void sp_state_text(sp_buffer *to) {
    sp_buffer_put_text(to, "{");
    if (to->is_short) return; /* put_name reads the last byte written */
    put_process(to);
    put_heap(to);
    put_cpu(to);
    sp_buffer_put_text(to, "}\n");
}
