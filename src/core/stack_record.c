#include "stack_record.h"

spprof_site sp_stack_read_site(sp_stack_record *record) {
    sp_stack_sums sums = sp_stack_sums_read(&record->sums);
    spprof_site site = {.allocated = sums.allocated,
                        .live = sums.live,
                        .stack_id = atomic_load_explicit(&record->id, memory_order_relaxed),
                        .frame_count = record->count,
                        .labels = record->labels,
                        .birth = record->birth,
                        .depth_limited = record->depth_limited,
                        .truncated = record->truncated};
    for (unsigned window = 0; window < SPPROF_PEAKS; window++) site.at_peak[window] = sums.at_peak[window];
    return site;
}
