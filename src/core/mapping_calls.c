#include "mapping_calls.h"

#include "budget.h"
#include "capture.h"
#include "check.h"
#include "clock.h"
#include "mapped_list.h"
#include "memory.h"
#include "objects.h"
#include "options.h"
#include "pending_changes.h"
#include "profiler.h"
#include "thread.h"

#include <errno.h>
#include <math.h>

#define ALWAYS_LISTED ((size_t)128 * 1024) /* malloc would also map such a block separately */
#define LEFT_OUT_MAX 8

typedef struct code_range {
    _Atomic uintptr_t start, end;
} code_range;

static struct {
    _Atomic bool created;
    _Atomic uint32_t process_id; /* the process whose calls are followed */
    _Atomic uint64_t last_serial;
    _Atomic uint64_t made, dropped, vanished;
    _Atomic uint64_t moves_begun, moves; /* mremap calls: begun so far, and in progress now */
    sp_lock lock;
    _Atomic(spprof_thread *) holder; /* the thread that holds the lock */
    sp_range_table table;
    sp_pending_changes pending;
} mappings = {.lock = {.rank = SP_RANK_MAPPINGS}};

static code_range left_out[LEFT_OUT_MAX];
static _Atomic uint32_t left_out_count;

/* ---- Mappings that are left out ---- */

static bool is_left_out(uintptr_t caller) {
    uint32_t count = atomic_load_explicit(&left_out_count, memory_order_acquire);
    for (uint32_t i = 0; i < count && i < LEFT_OUT_MAX; i++)
        if (caller >= atomic_load_explicit(&left_out[i].start, memory_order_relaxed) &&
            caller < atomic_load_explicit(&left_out[i].end, memory_order_relaxed))
            return true;
    return false;
}

/* The start is written last: until then the range contains nothing. */
void sp_map_calls_leave_out(uintptr_t start, uintptr_t end) {
    if (is_left_out(start) && is_left_out(end - 1)) return;
    uint32_t place = atomic_fetch_add(&left_out_count, 1);
    if (place >= LEFT_OUT_MAX) return;
    atomic_store(&left_out[place].end, end);
    atomic_store(&left_out[place].start, start);
}

void spprof_leave_out_mappings_of(const void *code) {
    sp_object object;
    sp_objects_prepare(true);
    if (sp_objects_find((uintptr_t)code, &object)) sp_map_calls_leave_out(object.start, object.end);
}

void spprof_begin_arena(void) {
    spprof_this_thread.arenas++;
}

void spprof_end_arena(void) {
    spprof_this_thread.arenas--;
}

bool spprof_in_arena(void) {
    return spprof_this_thread.arenas > 0;
}

/* ---- Before the call ---- */

static bool is_active(void) {
    return sp_profiler_plan().active && atomic_load_explicit(&sp_the_profiler.native, memory_order_acquire);
}

static bool is_any_listed(void) {
    return atomic_load_explicit(&mappings.table.count, memory_order_relaxed) > 0 ||
           atomic_load_explicit(&mappings.pending.count, memory_order_relaxed) > 0;
}

/* A child of vfork shares our memory, but not our threads: it may end while it holds a lock. */
static bool is_own_process(void) {
    return sp_process_id() == atomic_load_explicit(&mappings.process_id, memory_order_relaxed);
}

sp_map_call sp_map_call_begin(const void *caller) {
    sp_map_call call = {.last_serial = 0};
    if (!atomic_load_explicit(&mappings.created, memory_order_acquire)) return call;
    if (atomic_load_explicit(&sp_the_profiler.shut_down, memory_order_relaxed)) return call;
    bool active = is_active();
    if (!(active || is_any_listed()) || !is_own_process()) return call;
    call.last_serial = atomic_load(&mappings.last_serial);
    call.process_id = atomic_load(&mappings.process_id);
    call.is_followed = true;
    call.is_listed = active && spprof_this_thread.arenas == 0 && !is_left_out((uintptr_t)caller);
    return call;
}

/* ---- The table, under its lock ---- */

static uint64_t next_serial(void) {
    return atomic_fetch_add(&mappings.last_serial, 1) + 1;
}

static void hold(uint64_t stack_id, int change) {
    sp_stack_record *record = sp_stack_table_get(&sp_the_profiler.stacks, stack_id);
    if (change > 0)
        sp_stack_hold(record);
    else
        sp_stack_release(record);
}

static void drop(const sp_range *range) {
    hold(range->stack_id, -1);
    atomic_fetch_add(&mappings.dropped, 1);
}

/* If there is no room to cut a range in two, drop its second half. */
static void take_out_locked(uintptr_t start, uintptr_t end, uint64_t last_serial) {
    sp_range cut;
    if (sp_range_table_replace(&mappings.table, start, end, last_serial, NULL)) return;
    if (sp_range_table_next(&mappings.table, end - 1, &cut) && cut.start < end) end = cut.end;
    atomic_fetch_add(&mappings.dropped, 1);
    SP_ASSERT(sp_range_table_replace(&mappings.table, start, end, last_serial, NULL));
}

static void put_in_locked(sp_range range) {
    if (sp_range_table_replace(&mappings.table, range.start, range.end, UINT64_MAX, &range)) return;
    take_out_locked(range.start, range.end, UINT64_MAX);
    drop(&range);
}

static void make_locked(const sp_map_change *change) {
    if (change->is_listed)
        put_in_locked(change->made);
    else
        take_out_locked(change->start, change->end, change->last_serial);
}

/* Find the first range that is at least partly in [start, end) and was added no later than `last_serial`. Cut it to
 * [start, end). */
static bool next_within_locked(uintptr_t start, uintptr_t end, uint64_t last_serial, sp_range *out) {
    while (start < end && sp_range_table_next(&mappings.table, start, out) && out->start < end) {
        if (out->serial <= last_serial) {
            if (out->start < start) out->start = start;
            if (out->end > end) out->end = end;
            return true;
        }
        start = out->end;
    }
    return false;
}

/* Move one part of a range that was moved without growing; the part keeps the stack that made it. */
static void move_part_locked(sp_range part, const sp_map_change *change) {
    uintptr_t distance = change->start - change->old_start; /* modulo 2⁶⁴ */
    uint64_t serial = part.serial;
    hold(part.stack_id, 1);
    if (!change->keeps_old) take_out_locked(part.start, part.end, serial);
    part.start += distance;
    part.end += distance;
    part.origin += distance;
    part.serial = change->made.serial;
    put_in_locked(part);
}

static void move_parts_locked(const sp_map_change *change) {
    uintptr_t at = change->old_start, size = change->end - change->start, end = change->old_start + size;
    sp_range part;
    if (!change->has_gaps) take_out_locked(change->start, change->end, change->last_serial);
    while (next_within_locked(at, end, change->last_serial, &part)) {
        at = part.end;
        move_part_locked(part, change);
    }
}

/* A wrapper that another library put around the mmap family may already have reported it. */
static bool is_told_locked(const sp_map_change *change) {
    sp_range there;
    return sp_range_table_next(&mappings.table, change->start, &there) && there.start <= change->start &&
           there.serial > change->last_serial;
}

/* A range that has grown counts as new, like a block after realloc. */
static void grow_locked(const sp_map_change *change) {
    sp_range old, made = change->made;
    bool found = next_within_locked(change->old_start, change->old_end + (change->old_end == change->old_start),
                                    change->last_serial, &old);
    if (!found && is_told_locked(change)) {
        if (change->is_listed) hold(made.stack_id, -1);
        return;
    }
    if (!change->keeps_old) take_out_locked(change->old_start, change->old_end, change->last_serial);
    if (found) {
        made.kind = old.kind;
        made.is_system_v = old.is_system_v;
        made.origin = made.start - (change->old_start - old.origin);
    }
    if (change->is_listed)
        put_in_locked(made);
    else
        take_out_locked(change->start, change->end, change->last_serial);
}

static void move_locked(const sp_map_change *change) {
    uintptr_t size = change->end - change->start, old_size = change->old_end - change->old_start;
    if (size > old_size) {
        grow_locked(change);
        return;
    }
    if (change->is_listed) hold(change->made.stack_id, -1); /* it has not grown: its parts keep their own stacks */
    if (change->start != change->old_start) move_parts_locked(change);
    if (!change->keeps_old && change->start != change->old_start)
        take_out_locked(change->old_start, change->old_end, change->last_serial);
    if (change->start == change->old_start) take_out_locked(change->end, change->old_end, change->last_serial);
}

static void detach_locked(const sp_map_change *change) {
    sp_range range;
    uintptr_t at = change->start;
    while (sp_range_table_next(&mappings.table, at, &range)) {
        at = range.end;
        if (range.is_system_v && range.origin == change->start)
            take_out_locked(range.start, range.end, change->last_serial);
    }
}

static void apply_locked(const sp_map_change *change) {
    switch (change->kind) {
    case SP_MAP_MADE:
        make_locked(change);
        break;
    case SP_MAP_UNMADE:
        take_out_locked(change->start, change->end, change->last_serial);
        break;
    case SP_MAP_MOVED:
        move_locked(change);
        break;
    case SP_MAP_DETACHED:
        detach_locked(change);
        break;
    }
}

/* ---- The lock ---- */

static void enter(spprof_thread *self) {
    sp_map_change change;
    sp_guard_enter(self);
    sp_lock_acquire(&mappings.lock);
    atomic_store_explicit(&mappings.holder, self, memory_order_relaxed);
    while (sp_pending_changes_pop(&mappings.pending, &change)) apply_locked(&change);
}

static void leave(spprof_thread *self) {
    atomic_store_explicit(&mappings.holder, NULL, memory_order_relaxed);
    sp_lock_release(&mappings.lock);
    sp_guard_leave(self);
}

/* If this thread is already inside the engine, the call comes from a handler. If its change does not fit in the
 * list, a new range is dropped, and an unmapped one is later found to have vanished. */
static void tell(sp_map_change *change) {
    spprof_thread *self = &spprof_this_thread;
    change->made.serial = next_serial();
    if (self->guard == 0) {
        enter(self);
        apply_locked(change);
        leave(self);
        return;
    }
    if (sp_pending_changes_push(&mappings.pending, change)) return;
    if (change->is_listed) drop(&change->made);
}

/* ---- What to list ---- */

/* Return the probability with which a mapping of this size is listed. */
static double probability_of(size_t size) {
    uint32_t rate = sp_profiler_plan().rate;
    size_t always = rate / 4 > ALWAYS_LISTED ? rate / 4 : ALWAYS_LISTED;
    return rate == 0 || size >= always ? 1 : -expm1(-(double)size / rate);
}

static uint32_t thread_id(spprof_thread *self) {
    if (self->thread_id == 0) self->thread_id = sp_thread_kernel_id();
    return self->thread_id;
}

/* Decide whether to list the range, and if so take the stack. */
static bool list(sp_range *range) {
    spprof_thread *self = &spprof_this_thread;
    double probability = probability_of(range->end - range->start);
    if (probability < 1 && sp_sampler_uniform(self, sp_profiler_plan()) > probability) return false;
    sp_guard_enter(self);
    uint64_t began = sp_budget_begin();
    sp_stack_record *stack = sp_capture_stack_of_any();
    range->stack_id = atomic_load_explicit(&stack->id, memory_order_relaxed);
    range->probability = probability;
    range->thread_id = thread_id(self);
    range->time_ns = (int64_t)sp_clock_monotonic_ns();
    range->origin = range->start;
    atomic_fetch_add_explicit(&mappings.made, 1, memory_order_relaxed);
    sp_budget_spend(began);
    sp_guard_leave(self);
    return true;
}

/* ---- After the call ---- */

static uintptr_t whole_pages(uintptr_t size) {
    uintptr_t page = sp_memory_page_bytes();
    return (size + page - 1) & ~(page - 1);
}

void sp_map_call_made(const sp_map_call *call, const sp_map_result *result) {
    if (!call->is_followed) return;
    int saved_errno = errno;
    uintptr_t end = result->start + whole_pages(result->size);
    sp_map_change change = {.kind = SP_MAP_MADE, .start = result->start, .end = end, .last_serial = call->last_serial};
    change.made = (sp_range){
        .start = result->start, .end = end, .kind = (uint16_t)result->kind, .is_system_v = result->is_system_v};
    change.is_listed = call->is_listed && list(&change.made);
    tell(&change);
    errno = saved_errno;
}

void sp_map_call_unmade(const sp_map_call *call, uintptr_t start, size_t size) {
    if (!call->is_followed || !is_any_listed()) return;
    int saved_errno = errno;
    tell(&(sp_map_change){
        .kind = SP_MAP_UNMADE, .start = start, .end = start + whole_pages(size), .last_serial = call->last_serial});
    errno = saved_errno;
}

sp_map_call sp_map_call_begin_move(const void *caller, sp_map_move *move, bool is_fixed) {
    sp_map_call call = sp_map_call_begin(caller);
    if (!call.is_followed) return call;
    atomic_fetch_add(&mappings.moves_begun, 1);
    atomic_fetch_add(&mappings.moves, 1);
    move->has_gaps = is_fixed && is_any_listed() && move->old_size > 0 &&
                     !sp_mapped_list_has(move->old, whole_pages(move->old_size));
    return call;
}

/* If a handler forked during the move, the child does not count the move, so it must not subtract it. */
static void end_move(const sp_map_call *call) {
    if (call->process_id == atomic_load(&mappings.process_id)) atomic_fetch_sub(&mappings.moves, 1);
}

void sp_map_call_moved(const sp_map_call *call, const sp_map_move *move) {
    if (!call->is_followed) return;
    int saved_errno = errno;
    sp_map_change change = {.kind = SP_MAP_MOVED,
                            .start = move->start,
                            .end = move->start + whole_pages(move->size),
                            .old_start = move->old,
                            .old_end = move->old + whole_pages(move->old_size),
                            .last_serial = call->last_serial,
                            .keeps_old = move->keeps_old || move->old_size == 0,
                            .has_gaps = move->has_gaps};
    change.made = (sp_range){.start = change.start, .end = change.end, .kind = SPPROF_MAPPING_UNKNOWN};
    bool grows = change.end - change.start > change.old_end - change.old_start;
    change.is_listed = grows && call->is_listed && list(&change.made);
    tell(&change);
    end_move(call);
    errno = saved_errno;
}

void sp_map_call_detached(const sp_map_call *call, uintptr_t start) {
    if (!call->is_followed || !is_any_listed()) return;
    int saved_errno = errno;
    tell(&(sp_map_change){.kind = SP_MAP_DETACHED, .start = start, .last_serial = call->last_serial});
    errno = saved_errno;
}

/* ---- What has vanished ---- */

/* A walk along the kernel's list, looking for gaps that contain listed ranges added up to `last_serial`. */
typedef struct gaps {
    uintptr_t at, end;
    uint64_t last_serial;
    uintptr_t distance; /* if not 0: the missing ranges may have been moved by this much, modulo 2⁶⁴ */
    uint64_t moves_begun;
    bool is_vanished; /* the ranges are missing for an unknown reason; an mremap call may be about to report them */
    uint64_t found;
} gaps;

/* Return true if no mremap call is running or has begun since `moves_begun` was read. A range that mremap has just
 * moved is gone from its listed address, but has not vanished. */
static bool nothing_moves(uint64_t moves_begun) {
    return atomic_load(&mappings.moves) == 0 && atomic_load(&mappings.moves_begun) == moves_begun;
}

static void settle_gone_locked(const gaps *gaps, sp_range part) {
    bool moved = gaps->distance != 0 && sp_mapped_list_has(part.start + gaps->distance, part.end - part.start);
    if (moved)
        move_part_locked(part, &(sp_map_change){.start = part.start + gaps->distance,
                                                .old_start = part.start,
                                                .made = {.serial = next_serial()}});
    else
        take_out_locked(part.start, part.end, gaps->last_serial);
}

static void settle_gap(gaps *gaps, uintptr_t end) {
    spprof_thread *self = &spprof_this_thread;
    sp_range part;
    enter(self);
    bool known = !gaps->is_vanished || nothing_moves(gaps->moves_begun);
    for (; known && next_within_locked(gaps->at, end, gaps->last_serial, &part); gaps->at = part.end, gaps->found++)
        settle_gone_locked(gaps, part);
    leave(self);
}

static void visit_mapped(void *data, uintptr_t start, uintptr_t end) {
    gaps *gaps = data;
    if (start > gaps->end) start = gaps->end;
    if (gaps->at < start) settle_gap(gaps, start);
    if (gaps->at < end) gaps->at = end;
}

/* Return how many ranges were gone. */
static uint64_t settle_gaps(gaps gaps) {
    if (sp_mapped_list_visit(visit_mapped, &gaps)) visit_mapped(&gaps, UINTPTR_MAX, UINTPTR_MAX);
    return gaps.found;
}

/* A handler that interrupted the engine cannot read the table. The range is later found to have vanished. */
static void settle_failed(const sp_map_call *call, uintptr_t start, size_t size, uintptr_t distance) {
    if (!call->is_followed || !is_any_listed() || size == 0 || spprof_this_thread.guard > 0) return;
    int saved_errno = errno;
    size = whole_pages(size);
    if (!sp_mapped_list_has(start, size))
        settle_gaps((gaps){.at = start, .end = start + size, .last_serial = call->last_serial, .distance = distance});
    errno = saved_errno;
}

void sp_map_call_failed(const sp_map_call *call, uintptr_t start, size_t size) {
    settle_failed(call, start, size, 0);
}

/* From Linux 6.17 on, a move may include several of the kernel's mappings and fail partway. If it also leaves the
 * old ones mapped, the mappings that it made before it failed are not listed. */
void sp_map_call_move_failed(const sp_map_call *call, const sp_map_move *move, bool is_fixed) {
    if (!call->is_followed) return;
    if (is_fixed) settle_failed(call, move->start, move->size, 0);
    if (is_fixed) settle_failed(call, move->old, move->old_size, move->start - move->old);
    end_move(call);
}

/* Ask the kernel range by range, which is cheaper than reading its list if all ranges are still there. */
static bool is_any_gone(uint64_t last_serial) {
    spprof_thread *self = &spprof_this_thread;
    sp_range range = {.end = 0};
    for (;;) {
        enter(self);
        bool found = next_within_locked(range.end, UINTPTR_MAX, last_serial, &range);
        leave(self);
        if (!found) return false;
        if (!sp_mapped_list_has(range.start, range.end - range.start)) return true;
    }
}

/* If mremap calls are always in progress, a later snapshot will find what is gone. */
static void take_out_vanished(void) {
    uint64_t last_serial = atomic_load(&mappings.last_serial), moves_begun = atomic_load(&mappings.moves_begun);
    if (nothing_moves(moves_begun) && is_any_gone(last_serial))
        atomic_fetch_add(
            &mappings.vanished,
            settle_gaps((gaps){
                .end = UINTPTR_MAX, .last_serial = last_serial, .moves_begun = moves_begun, .is_vanished = true}));
}

/* ---- Reading ---- */

static spprof_mapping to_mapping(const sp_range *range) {
    return (spprof_mapping){.address = range->start,
                            .size = range->end - range->start,
                            .stack_id = range->stack_id,
                            .time_ns = range->time_ns,
                            .probability = range->probability,
                            .thread_id = range->thread_id,
                            .kind = range->kind};
}

static size_t copy_locked(spprof_mapping *out, size_t capacity) {
    sp_range range = {.end = 0};
    size_t count = 0;
    for (; sp_range_table_next(&mappings.table, range.end, &range); count++)
        if (count < capacity) out[count] = to_mapping(&range);
    return count;
}

size_t spprof_copy_mappings(spprof_mapping *out, size_t capacity) {
    if (!atomic_load_explicit(&mappings.created, memory_order_acquire) || !is_own_process()) return 0;
    int saved_errno = errno;
    spprof_thread *self = &spprof_this_thread;
    take_out_vanished();
    enter(self);
    size_t count = copy_locked(out, capacity);
    leave(self);
    errno = saved_errno;
    return count;
}

void spprof_get_mapping_stats(spprof_mapping_stats *stats) {
    *stats = (spprof_mapping_stats){.ranges = atomic_load(&mappings.table.count),
                                    .ranges_max = mappings.table.max,
                                    .bytes = atomic_load(&mappings.table.bytes),
                                    .made = atomic_load(&mappings.made),
                                    .dropped = atomic_load(&mappings.dropped),
                                    .vanished = atomic_load(&mappings.vanished)};
}

/* ---- Lifecycle ---- */

bool sp_map_calls_create(void) {
    if (!sp_range_table_create(&mappings.table, sp_options.mappings_max, hold)) return false;
    atomic_store(&mappings.process_id, sp_process_id());
    atomic_store_explicit(&mappings.created, true, memory_order_release);
    return true;
}

/* A handler that interrupted this thread while it held the lock has forked. When the handler returns, the thread
 * still holds the lock. */
void sp_map_calls_repair_after_fork(void) {
    spprof_thread *self = &spprof_this_thread;
    atomic_store(&mappings.process_id, sp_process_id());
    atomic_store(&mappings.moves, 0);
    sp_pending_changes_repair_after_fork(&mappings.pending, self->guard > 1);
    if (atomic_load(&mappings.holder) == self) return;
    atomic_store(&mappings.holder, NULL);
    sp_lock_reset_after_fork(&mappings.lock);
    sp_range_table_repair_after_fork(&mappings.table);
}
