#include "unwind_stopwatch.h"

#include "capture.h"
#include "profiler.h"
#include "rule_cache.h"
#include "unwind.h"

#include <dlfcn.h>
#include <time.h>
#include <unwind.h>

#define FRAMES_MAX SPPROF_STACK_FRAMES_MAX
#define PAGE 4096

static uintptr_t addresses[FRAMES_MAX], ends[FRAMES_MAX];
static const uintptr_t *known_anchors;
static size_t anchor_count;

static int (*libunwind_backtrace)(void **addresses, int capacity);

/* ---- Preparing ---- */

/* Called inside the guard, like an interpreter's walker. */
static size_t walk_anchors(uint64_t *words, size_t capacity, bool *depth_limited) {
    *depth_limited = 2 * anchor_count > capacity;
    if (*depth_limited) return 0;
    for (size_t i = 0; i < anchor_count; i++) {
        words[2 * i] = spprof_frame_interpreted(1, (uint32_t)i);
        words[2 * i + 1] = known_anchors[i];
    }
    return 2 * anchor_count;
}

void stopwatch_prepare(const char *libunwind) {
    void *handle = libunwind ? dlopen(libunwind, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (handle) libunwind_backtrace = (int (*)(void **, int))dlsym(handle, "unw_backtrace");
    spprof_set_walker(walk_anchors);
    sp_stack_table_create(&sp_the_profiler.stacks, 1000);
    sp_capture_prepare();
}

void stopwatch_set_anchors(const uintptr_t *anchors, size_t count) {
    known_anchors = anchors;
    anchor_count = count;
}

bool stopwatch_has(stopwatch_kind kind) {
    if (kind == STOPWATCH_LIBUNWIND) return libunwind_backtrace != NULL;
    return kind != STOPWATCH_FRAME_POINTERS || FRAME_POINTERS;
}

/* ---- One stack ---- */

static __attribute__((noinline)) size_t take_nothing(void) {
    return 0;
}

static inline __attribute__((always_inline)) size_t take_beside(sp_last_walks *last) {
    sp_native_stack native = {.addresses = addresses, .ends = ends, .capacity = FRAMES_MAX, .last = last};
    sp_registers registers;
    sp_registers_capture(&registers);
    sp_unwind(&registers, &native);
    return native.count;
}

static __attribute__((noinline)) size_t take_ours(void) {
    static sp_last_walks last;
    return take_beside(&last);
}

static __attribute__((noinline)) size_t take_ours_anew(void) {
    return take_beside(NULL);
}

static __attribute__((noinline)) size_t take_by_libunwind(void) {
    int count = libunwind_backtrace((void **)addresses, FRAMES_MAX);
    return count > 0 ? (size_t)count : 0;
}

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *data) {
    size_t *count = data;
    if (*count == FRAMES_MAX) return _URC_NORMAL_STOP;
    addresses[(*count)++] = _Unwind_GetIP(context);
    return _URC_NO_REASON;
}

static __attribute__((noinline)) size_t take_by_libgcc(void) {
    size_t count = 0;
    _Unwind_Backtrace(visit, &count);
    return count;
}

/* Follows frame pointers as long as they lead upwards, in steps that are possible for a frame. */
static __attribute__((noinline)) size_t take_by_frame_pointers(void) {
    enum { STEP_MAX = 1 << 20 };
    size_t count = 0;
    const uintptr_t *frame = __builtin_frame_address(0);
    for (uintptr_t step = 1; step - 1 < STEP_MAX && count < FRAMES_MAX;) {
        addresses[count++] = frame[1];
        step = frame[0] - (uintptr_t)frame;
        frame = (const uintptr_t *)frame[0];
    }
    return count;
}

static __attribute__((noinline)) size_t take_whole(void) {
    sp_stack_record *record = sp_capture_stack();
    size_t count = record->count;
    sp_stack_release(record);
    return count;
}

typedef size_t take(void);

static take *const takes[STOPWATCH_KINDS] = {
    [STOPWATCH_NOTHING] = take_nothing,
    [STOPWATCH_OURS] = take_ours,
    [STOPWATCH_OURS_ANEW] = take_ours_anew,
    [STOPWATCH_OURS_COLD] = take_ours,
    [STOPWATCH_LIBUNWIND] = take_by_libunwind,
    [STOPWATCH_LIBGCC] = take_by_libgcc,
    [STOPWATCH_FRAME_POINTERS] = take_by_frame_pointers,
    [STOPWATCH_CAPTURE] = take_whole,
};

size_t stopwatch_frames(stopwatch_kind kind) {
    volatile size_t count = takes[kind](); /* not a tail call, which would omit a frame */
    return count;
}

/* ---- Time ---- */

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double time_at_once(take *take, long repeats) {
    double begin = now_ns();
    for (long i = 0; i < repeats; i++) take();
    return now_ns() - begin;
}

static double time_cold(take *take, long repeats) {
    double sum = 0;
    for (long i = 0; i < repeats; i++) {
        sp_unwind_forget();
        sum += time_at_once(take, 1);
    }
    return sum;
}

double stopwatch_nanoseconds(stopwatch_kind kind, long repeats) {
    now_ns(); /* after this call, the clock's own code and data are cached */
    double sum = kind == STOPWATCH_OURS_COLD ? time_cold(takes[kind], repeats) : time_at_once(takes[kind], repeats);
    return sum / (double)repeats;
}

/* ---- Memory ---- */

/* Counts pages that hold a rule. Pages that were only read are the kernel's zero page. */
static uint64_t count_touched_pages(void) {
    const uint64_t *words = (const uint64_t *)sp_rule_cache;
    size_t words_a_page = PAGE / sizeof *words, pages = sizeof sp_rule_cache / PAGE;
    uint64_t touched = 0;
    for (size_t page = 0; page < pages; page++) {
        bool used = false;
        for (size_t i = 0; i < words_a_page; i++) used |= words[page * words_a_page + i] != 0;
        touched += used;
    }
    return touched;
}

static uint64_t count_modules(void) {
    spprof_module module;
    uint32_t count = 0;
    while (spprof_module_get(count, &module)) count++;
    return count;
}

void stopwatch_read_memory(stopwatch_memory *memory) {
    sp_unwind_counters counters = sp_unwind_read_counters();
    *memory = (stopwatch_memory){.rules = sp_rule_cache_count(),
                                 .cache_kib = count_touched_pages() * PAGE / 1024,
                                 .cache_max_kib = sizeof sp_rule_cache / 1024,
                                 .modules = count_modules(),
                                 .misses = counters.misses,
                                 .evaluated = counters.evaluated,
                                 .restarted = counters.restarted,
                                 .truncated = counters.truncated};
}
