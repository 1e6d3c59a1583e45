#include "stack_record.h"

static void add(_Atomic uint64_t *total, uint64_t value) {
    atomic_fetch_add_explicit(total, value, memory_order_relaxed);
}

static void add_real(_Atomic double *total, double value) {
    double before = atomic_load_explicit(total, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(total, &before, before + value, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

static void add_weight(sp_stack_record *record, spprof_weight weight, int sign) {
    double bytes = (double)weight.bytes / SPPROF_BYTES_ONE;
    double unseen = 1 - weight.probability;
    add(&record->site.allocated_bytes, (uint64_t)sign * weight.bytes);
    add(&record->site.allocated_objects, (uint64_t)sign * weight.objects);
    add_real(&record->site.variance, sign * unseen * bytes * bytes);
    add_real(&record->site.skewness, sign * unseen * unseen * bytes * bytes * bytes);
}

bool sp_stack_add_allocated(sp_stack_record *record, spprof_weight weight) {
    add_weight(record, weight, 1);
    return atomic_fetch_add_explicit(&record->site.samples, 1, memory_order_relaxed) == 0;
}

bool sp_stack_take_back(sp_stack_record *record, spprof_weight weight) {
    add_weight(record, weight, -1);
    return atomic_fetch_sub_explicit(&record->site.samples, 1, memory_order_relaxed) == 1;
}

void sp_stack_add_freed(sp_stack_record *record, spprof_weight weight) {
    add(&record->site.freed_samples, 1);
    add(&record->site.freed_bytes, weight.bytes);
    add(&record->site.freed_objects, weight.objects);
}

void sp_stack_reweigh(sp_stack_record *record, spprof_weight before, const spprof_weight *after) {
    add_weight(record, before, -1);
    if (after)
        add_weight(record, *after, 1);
    else
        add(&record->site.freed_samples, 1);
}

/* Freed first: what is freed later was allocated before, so freed never exceeds allocated. */
spprof_site sp_stack_read_site(sp_stack_record *record) {
    spprof_site site = {.stack_id = atomic_load_explicit(&record->id, memory_order_relaxed),
                        .frame_count = record->count,
                        .labels = record->labels,
                        .birth = record->birth,
                        .depth_limited = record->depth_limited,
                        .truncated = record->truncated};
    site.freed_samples = atomic_load(&record->site.freed_samples);
    site.freed_bytes = atomic_load(&record->site.freed_bytes);
    site.freed_objects = atomic_load(&record->site.freed_objects);
    site.samples = atomic_load(&record->site.samples);
    site.allocated_bytes = atomic_load(&record->site.allocated_bytes);
    site.allocated_objects = atomic_load(&record->site.allocated_objects);
    site.variance = atomic_load(&record->site.variance);
    site.skewness = atomic_load(&record->site.skewness);
    return site;
}

spprof_site sp_stack_sum(spprof_site one, const spprof_site *other) {
    one.samples += other->samples;
    one.freed_samples += other->freed_samples;
    one.allocated_bytes += other->allocated_bytes;
    one.allocated_objects += other->allocated_objects;
    one.freed_bytes += other->freed_bytes;
    one.freed_objects += other->freed_objects;
    one.variance += other->variance;
    one.skewness += other->skewness;
    return one;
}

void sp_stack_set_site(sp_stack_record *record, const spprof_site *site) {
    atomic_store(&record->site.samples, site->samples);
    atomic_store(&record->site.freed_samples, site->freed_samples);
    atomic_store(&record->site.allocated_bytes, site->allocated_bytes);
    atomic_store(&record->site.allocated_objects, site->allocated_objects);
    atomic_store(&record->site.freed_bytes, site->freed_bytes);
    atomic_store(&record->site.freed_objects, site->freed_objects);
    atomic_store(&record->site.variance, site->variance);
    atomic_store(&record->site.skewness, site->skewness);
}
