/* spprof.h: the engine of libspprof_alloc.so, as its taps and the Python extension see it.
 *
 *   tap:  countdown -= size ── still above the gate? ──► the real allocator, nothing else happens
 *                            └─ below: spprof_begin ──► the real allocator ──► spprof_end
 *   free: filter byte zero? ──► the real free
 *                            └─ else: spprof_forget, then the real free
 *
 * The engine knows nothing of Python. It is told of allocations, decides which to sample, asks the
 * registered walker for the stack, and remembers what is still alive.
 *
 * Memory:  everything is mmapped; no function here calls malloc. What was mapped for a table is never unmapped while a
 *          reader could still hold it, and nothing is destroyed at exit.
 * Threads: every function may be called from any thread, with or without an interpreter lock, unless it says otherwise.
 * Signals: a handler that interrupts the engine and allocates passes through unsampled; one that frees a sampled
 *          address leaves it on a list that the next engine call empties.
 * Fork:    no lock is held across fork; the child repairs what another thread was changing.
 * errno:   as the real allocator left it.
 */
#ifndef SPPROF_H
#define SPPROF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The extension imports weakly, so that a foreign libspprof_alloc.so (other version, other symbols) is met by the
 * version check and its message, not by the loader's "undefined symbol". */
#if defined(SPPROF_BUILDING_ENGINE)
#define SPPROF_API __attribute__((visibility("protected"))) /* our own calls are direct */
#else
#define SPPROF_API __attribute__((visibility("default"), weak))
#endif

/* "0.1.0": the first thing to ask a library that was found, and the one name that never changes. */
SPPROF_API const char *spprof_version(void);

/* ---- The fast path --------------------------------------------------------------------------------------------- */

/* What each thread holds in static TLS: 64 bytes, all zero in a new thread. Only its own thread reads or writes it
 * (and a signal handler on that thread, which always leaves guard as it found it). */
typedef struct spprof_thread {
    int64_t countdown;  /* gate + bytes until the next sample; below the gate: due, or drawn for an earlier start;
                            * below 0 in the slow path only */
    uint64_t random;    /* state of this thread's generator, 0 = not seeded yet */
    uintptr_t mark;     /* address whose small realloc was tried one level up, 0 = none (spprof_mark) */
    uint32_t epoch;     /* the start for which `random` was seeded */
    uint32_t thread_id; /* the kernel's id, 0 = not asked yet */
    uint16_t note_size; /* size of the sample announced by spprof_note, valid while note_armed */
    uint8_t note_armed; /* 1 = the next allocation of 513 … 609 bytes is that sample */
    uint8_t guard;      /* > 0: this thread is inside the engine; taps pass through */
    uint8_t expecting;  /* > 0: objects may have been loaded; look for them at this many further slow calls */
    uint8_t unused[3];
    uintptr_t stack_low, stack_high; /* what is known of the thread's own stack, 0 = not asked yet */
    uint32_t cpu_session;            /* the session of the CPU profiler in which this thread has a timer */
    uint32_t unused_too;
} spprof_thread;

_Static_assert(sizeof(spprof_thread) == 64, "the surplus of static TLS in glibc is 1664 bytes for everybody");

SPPROF_API extern __thread spprof_thread spprof_this_thread __attribute__((tls_model("initial-exec")));

/* One 8-bit counter for each hash of addresses: zero means "certainly not sampled". Replaced as a whole when it grows
 * and never unmapped, so shift and counters always belong together. */
typedef struct spprof_filter {
    uint32_t shift; /* 64 − log2 of the number of counters: spprof_filter_index */
    uint8_t unused[60];
    uint8_t counters[]; /* on cache lines of their own */
} spprof_filter;

/* The threshold while nothing is sampled. Not lower, so that no countdown can wrap. */
#define SPPROF_STOPPED 0

/* The two words that every allocation and every free read. Nearly never written: a cache line of their own. */
typedef struct spprof_gate {
    int64_t threshold; /* SPPROF_STOPPED; the k-th start sets k << 40 */
    const spprof_filter *filter;
} spprof_gate;

SPPROF_API extern spprof_gate spprof_the_gate;

/* Counts an allocation of `size` bytes. True: not sampled, call the real one. False: call spprof_begin.
 * A size above PTRDIFF_MAX can only fail and is not counted. A countdown that falls below 0 takes the slow path, which
 * lifts it: so it never wraps, whatever impossible sizes are asked for. */
static inline bool spprof_passes(size_t size) {
    if (__builtin_expect((int64_t)size < 0, 0)) return true;
    spprof_thread *self = &spprof_this_thread;
    int64_t left = (int64_t)((uint64_t)self->countdown - (uint64_t)size);
    self->countdown = left;
    return __builtin_expect(left >= __atomic_load_n(&spprof_the_gate.threshold, __ATOMIC_RELAXED), 1);
}

/* Fibonacci hashing; the low four bits of a malloc address carry nothing. */
static inline uint64_t spprof_hash_address(uintptr_t address) {
    return (uint64_t)(address >> 4) * UINT64_C(0x9E3779B97F4A7C15);
}

/* The same for the kilobyte in which an address lies. Its top bits choose the shard of the live table, further ones the
 * filter's cache line, so that a counter belongs to one shard's lock, and neighbours in memory share a line. */
static inline uint64_t spprof_hash_region(uintptr_t address) {
    return (uint64_t)(address >> 10) * UINT64_C(0x9E3779B97F4A7C15);
}

/* Where `address` counts: its place among the 64 of its kilobyte, turned by the region's hash, since blocks of one size
 * often stand at one place. */
static inline uint64_t spprof_filter_index(const spprof_filter *filter, uintptr_t address) {
    return spprof_hash_region(address) >> filter->shift ^ (address >> 4 & 63);
}

/* False: `address` was certainly not sampled. True: it may have been, call spprof_forget before freeing it. */
static inline bool spprof_may_be_live(const void *address) {
    const spprof_filter *filter = __atomic_load_n(&spprof_the_gate.filter, __ATOMIC_ACQUIRE);
    uint64_t index = spprof_filter_index(filter, (uintptr_t)address);
    return __builtin_expect(__atomic_load_n(&filter->counters[index], __ATOMIC_RELAXED) != 0, 0);
}

/* ---- The slow path: one call of an allocator that may become a sample ------------------------------------------- */

/* A sampled allocation. */
typedef struct spprof_sample {
    uint64_t address;
    uint64_t size;      /* bytes asked for */
    uint64_t time_ns;   /* CLOCK_MONOTONIC */
    uint64_t serial;    /* 1, 2, … in the order of sampling: the sample's identity within a process */
    uint32_t rate;      /* mean bytes between samples under which it was drawn; 0 = every allocation is sampled */
    uint32_t stack_id;  /* spprof_stack_get */
    uint32_t thread_id; /* the kernel's */
    uint32_t unused;
} spprof_sample;

/* One call in flight. Lives on the tap's stack, between begin and end. */
typedef struct spprof_ticket {
    spprof_sample sample; /* the sample to be inserted, if `sampled` */
    spprof_sample old;    /* the entry taken out for a realloc, if `detached` */
    size_t size;
    bool sampled;
    bool detached;
} spprof_ticket;

/* Holds the trial of an allocation of `size` bytes that spprof_passes did not let pass. If it is a sample, takes the
 * stack; the thread stays inside the engine until spprof_end. */
SPPROF_API void spprof_begin(spprof_ticket *ticket, size_t size);

/* The same for a tap that stands above or below the one that counts: holds no trial, but takes a note (below). */
SPPROF_API void spprof_begin_uncounted(spprof_ticket *ticket, size_t size);

/* The same for a realloc, which also takes `old` out of the live table before its address can be reused.
 * `counted`: whether spprof_passes was called for this realloc and did not pass, by the tap that counts. */
SPPROF_API void spprof_begin_realloc(spprof_ticket *ticket, void *old, size_t size, bool counted);

/* Finishes either: inserts the sample at `result`; puts the detached entry back if the realloc failed (a realloc to
 * size 0 that returns NULL has freed). Returns `result`. */
SPPROF_API void *spprof_end(spprof_ticket *ticket, void *result);

/* Takes `address` out of the live table, if it is there. To be called before the real free: once freed, another thread
 * may receive the address, and its sample would be erased. */
SPPROF_API void spprof_forget(void *address);

/* ---- Samples of pools that free through a lower level ----------------------------------------------------------- */

/* The smallest request that a pool for up to 512 bytes hands down, and what debug layers may make of it. */
#define SPPROF_NOTE_MIN 513
#define SPPROF_NOTE_MAX 609

/* Holds the trial of a pool's allocation of `size` <= 512 bytes that did not pass. True: it is a sample; ask the pool
 * for SPPROF_NOTE_MIN bytes, which it hands down to the malloc-level tap, and call spprof_note_end afterwards. */
SPPROF_API bool spprof_note_begin(size_t size);
/* True if the tap below took the note. False: the sample is lost and counted. */
SPPROF_API bool spprof_note_end(void);

/* Around a pool's small realloc whose trial was already held: if the block is malloc's own, the tap below moves it
 * without a second trial. Returns the countdown to hand to spprof_mark_end. */
SPPROF_API int64_t spprof_mark_begin(void *address);
SPPROF_API void spprof_mark_end(int64_t countdown);

/* Asks whether an allocator reaches a tap: sets this thread aside (nothing is sampled until spprof_probe_end), then
 * spprof_probe_end returns how many bytes were counted since. */
SPPROF_API void spprof_probe_begin(void);
SPPROF_API int64_t spprof_probe_end(void);

/* Between the two nothing that this thread allocates is sampled: for the profiler's own copies. Calls nest. */
SPPROF_API void spprof_pause(void);
SPPROF_API void spprof_resume(void);

/* ---- Native allocations ------------------------------------------------------------------------------------------ */

/* The taps of this library on the malloc family hold trials only while this is on (they always do for notes). Off, they
 * still count down, which does no harm: a countdown that they use up is drawn anew. */
SPPROF_API void spprof_set_native(bool on);

/* Leads the slots through which loaded objects call the malloc family (GOT, function pointers with relocations) to this
 * library's taps, whose originals are what the program would call without us. Slots stay patched for the life of the
 * process, since their values may have been copied; stopping makes the taps pass. Page protections are afterwards as
 * before. Objects loaded later follow by themselves: dlopen and dlmopen are led through stubs that jump; what came another
 * way (libc's own plug-ins) is found by the next call of this.
 *
 * Returns the number of slots that lead to us now. One scan at a time: while another thread scans, the call does
 * nothing. A fork waits for a scan, so that no child inherits the loader's lock from us; a child does not enter the
 * loader before it has itself loaded something, since another thread may have left the lock behind. */
SPPROF_API size_t spprof_patch(void);

/* This thread is about to load objects: its next slow calls look for them. */
SPPROF_API void spprof_expect_objects(void);

/* Objects that call an allocator of the malloc family which is neither ours nor the original, or whose slots could not
 * be written. Returns how many; `names` receives up to `capacity` of them, valid forever. */
SPPROF_API size_t spprof_uncovered(const char **names, size_t capacity);

/* ---- Lifecycle --------------------------------------------------------------------------------------------------- */

typedef enum spprof_status {
    SPPROF_OK,
    SPPROF_ALREADY_ACTIVE,
    SPPROF_NOT_ACTIVE,
    SPPROF_SHUT_DOWN,     /* start after shutdown: shutting down is one way */
    SPPROF_BAD_RATE,      /* above SPPROF_RATE_MAX */
    SPPROF_OUT_OF_MEMORY, /* the tables could not be mapped */
    SPPROF_TOO_MANY_STARTS
} spprof_status;

#define SPPROF_RATE_MAX (UINT32_C(1) << 30) /* 1 GiB */

/* Begins sampling, on the average one sample each `rate` bytes; 0 samples every allocation. `seed` not NULL: each
 * thread draws from a sequence fixed by it and by the order in which threads allocate. Accumulates over stop. */
SPPROF_API spprof_status spprof_start(uint32_t rate, const uint64_t *seed);
/* No new samples; frees are still followed. */
SPPROF_API spprof_status spprof_stop(void);
/* One way: allocations and frees pass by; what was recorded stays readable. Idempotent. */
SPPROF_API void spprof_shutdown(void);
SPPROF_API bool spprof_is_active(void);
SPPROF_API bool spprof_is_shut_down(void);

/* ---- Stacks ------------------------------------------------------------------------------------------------------ */

/* A frame is one word. Bit 63 set: interpreted, bits 32 … 62 the code id and 0 … 31 the position in it (its unit is
 * the walker's). Clear: native, bits 0 … 47 the return address (one past the call; one past the instruction where a
 * signal interrupted), bits 48 … 62 the tenant: how many other objects had been seen at that place before. */
#define SPPROF_FRAME_INTERPRETED (UINT64_C(1) << 63)
#define SPPROF_FRAME_TENANT_SHIFT 48
#define SPPROF_STACK_FRAMES_MAX 1024 /* the leaf-most frames are kept, the stack is marked as cut */

static inline uint64_t spprof_frame_interpreted(uint32_t code_id, uint32_t position) {
    return SPPROF_FRAME_INTERPRETED | (uint64_t)code_id << 32 | position;
}

/* Writes the calling thread's interpreter frames, leaf first, and returns how many words. After the frames that one call
 * of the interpreter's evaluation loop runs comes that call's anchor, an address on the C stack inside the call's own
 * C frame (bit 63 clear): the frames are put in place of that native frame. Anchor 0: the next native frame in the
 * evaluation code (below). Frames whose anchor is met nowhere come last, so that none is lost.
 * More than `capacity` words: writes `capacity` of them and sets *cut. SIZE_MAX: a code object found no room, the sample
 * is to be dropped.
 * Called inside the guard on the thread being sampled, possibly without any interpreter lock; must not allocate. */
typedef size_t spprof_walker(uint64_t *words, size_t capacity, bool *cut);
SPPROF_API void spprof_set_walker(spprof_walker *walker);

/* Where a signal interrupted a thread. Within the thread's own stack (spprof_thread) all from `sp` to the stack's end is
 * there. */
typedef struct spprof_interrupted {
    uintptr_t sp;
    const void *context; /* the kernel's */
} spprof_interrupted;

/* The same for a thread that a signal interrupted at any instruction, in its handler: what the interpreter's own pointers lead
 * to may be gone or never have been, and is read by spprof_copy or where it cannot go. It may also return SPPROF_WALK_TORN:
 * the frames were just being changed, and nobody knows them. */
#define SPPROF_WALK_TORN (SIZE_MAX - 1)
typedef size_t spprof_tick_walker(const spprof_interrupted *at, uint64_t *words, size_t capacity, bool *cut);
SPPROF_API void spprof_set_tick_walker(spprof_tick_walker *walker);

/* What stands in its registers, those for vectors too, word by word and in no order. Returns how many. Signals: safe. */
#define SPPROF_INTERRUPTED_WORDS_MAX 64
SPPROF_API size_t spprof_interrupted_words(const spprof_interrupted *at, uintptr_t *words);

/* Copies memory that may not be there: false, and *to holds nothing of use. Signals: safe. */
SPPROF_API bool spprof_copy(void *to, uintptr_t from, size_t bytes);

/* Where the interpreter's evaluation loop lies, for walkers without anchors. At most SPPROF_CODE_RANGES_MAX are kept. */
typedef struct spprof_code_range {
    uintptr_t start, end;
} spprof_code_range;
#define SPPROF_CODE_RANGES_MAX 8
SPPROF_API void spprof_set_evaluation_code(const spprof_code_range *ranges, size_t count);

typedef struct spprof_stack {
    const uint64_t *frames; /* leaf first; valid forever */
    uint32_t count;
    bool cut;       /* more frames than are kept */
    bool truncated; /* unwinding ended before the thread's first frame */
} spprof_stack;
/* False: no such id. Ids run from 1 to spprof_stats.last_stack_id, with a gap where two threads met the same new stack. */
SPPROF_API bool spprof_stack_get(uint32_t id, spprof_stack *stack);

/* An object in which a native frame was seen: the program, a library. Valid forever, whether still loaded or not. */
typedef struct spprof_module {
    uintptr_t start, end; /* where it was mapped */
    uintptr_t base;       /* added to the addresses in its file */
    const char *path;     /* absolute, unless the loader had none ("linux-vdso.so.1") */
    const uint8_t *build_id;
    uint32_t build_id_length; /* 0: it has none */
    uint32_t tenant;          /* as in the frames that belong to it */
} spprof_module;
/* The index-th, 0, 1, …; false: no more. */
SPPROF_API bool spprof_module_get(uint32_t index, spprof_module *module);

/* The calling thread's native return addresses, leaf first, its own caller's first. Returns how many. */
SPPROF_API size_t spprof_native_stack(uintptr_t *addresses, size_t capacity, bool *truncated);

/* Notices what the loader has unloaded or loaded by ways that no tap sees. Takes the loader's lock; for snapshots. */
SPPROF_API void spprof_refresh_objects(void);

/* ---- Interpreted code, copied when first seen --------------------------------------------------------------------- */

/* What is kept of a code object: bytes of our own, valid forever. Strings are UTF-8 and not terminated. */
typedef struct spprof_code {
    const char *function, *file;
    const uint8_t *lines; /* the interpreter's own position table, opaque to the engine */
    uint32_t function_length, file_length, lines_length;
    int32_t first_line;
} spprof_code;

/* The id under which the code object now at `address` is known, or 0: not seen yet, or not remembered. */
SPPROF_API uint32_t spprof_code_lookup(uintptr_t address);
/* Copies `code`, unless the same content is known already, remembers that it stands at `address` and returns its id;
 * 0: no room. Any thread; does not allocate with malloc. */
SPPROF_API uint32_t spprof_code_intern(uintptr_t address, const spprof_code *code);
/* The code object at `address` is being destroyed: whatever comes to stand there is another one. */
SPPROF_API void spprof_code_forget(uintptr_t address);
/* False: no such id. */
SPPROF_API bool spprof_code_get(uint32_t id, spprof_code *code);

/* ---- Reading ------------------------------------------------------------------------------------------------------ */

/* Weights are summed in fixed point, so that what is added at allocation is taken away exactly when it is freed. */
#define SPPROF_BYTES_ONE 256    /* estimated bytes are counted in 1/256 */
#define SPPROF_OBJECTS_ONE 4096 /* estimated objects are counted in 1/4096 */

/* A sample of `size` bytes drawn with p = 1 − exp(−size/rate) stands for size/p bytes and 1/p objects. */
typedef struct spprof_weight {
    double probability;
    uint64_t bytes;   /* in 1/SPPROF_BYTES_ONE */
    uint64_t objects; /* in 1/SPPROF_OBJECTS_ONE */
} spprof_weight;
SPPROF_API spprof_weight spprof_weigh(uint64_t size, uint32_t rate);

/* Reasons for which a sample was not kept: X(constant, name in Python, meaning). */
#define SPPROF_DROP_REASONS(X)                                                                                         \
    X(LIVE_TABLE_FULL, "live_table_full", "as many live samples as the named maximum")                                 \
    X(STACK_TABLE_FULL, "stack_table_full", "as many different stacks as the named maximum")                           \
    X(CODE_TABLE_FULL, "code_table_full", "as many different code objects as the named maximum")                       \
    X(OUT_OF_MEMORY, "out_of_memory", "the kernel gave no memory for a table")                                         \
    X(HOOK_DISPLACED, "hook_displaced", "another tool had taken our allocator hook away")                              \
    X(PENDING_FREES_FULL, "pending_frees_full", "too many frees from signal handlers that interrupted the engine")

typedef enum spprof_drop_reason {
#define X(constant, name, meaning) SPPROF_DROP_##constant,
    SPPROF_DROP_REASONS(X)
#undef X
        SPPROF_DROP_REASON_COUNT
} spprof_drop_reason;
SPPROF_API void spprof_count_drop(spprof_drop_reason reason);

typedef struct spprof_stats {
    uint64_t total_samples, live_samples, freed_samples; /* total = live + freed, always */
    uint64_t unique_stacks, last_stack_id; /* with a sample of an allocation; of any, the CPU profiler's too */
    uint64_t live_bytes, live_objects;     /* estimates, in the fixed points above */
    uint64_t peak_bytes;                   /* the highest live_bytes since the first start */
    uint64_t live_samples_max;             /* the live table's named maximum */
    uint64_t missed_frees;                 /* a sample arrived at an address still listed as live */
    uint64_t last_serial;
    uint64_t mapped_bytes; /* what the engine has mapped, resident or not */
    uint64_t dropped[SPPROF_DROP_REASON_COUNT];
    uint32_t rate;   /* the latest */
    uint32_t epochs; /* starts so far */
} spprof_stats;
SPPROF_API void spprof_get_stats(spprof_stats *stats);

/* Copies the live samples, up to `capacity`, and returns how many there are; more than `capacity`: call again with
 * more room. Shard by shard: no allocation waits longer than for a copy of 1/64 of the table. */
SPPROF_API size_t spprof_copy_live(spprof_sample *out, size_t capacity);

/* What was ever sampled at one stack, in the fixed points above, and the sums from which intervals are made:
 * variance = Σ(1−p)w², skewness = Σ(1−p)²w³ with w the weight in bytes (docs/sampling.md). */
typedef struct spprof_site {
    uint64_t samples, freed_samples;
    uint64_t allocated_bytes, allocated_objects;
    uint64_t freed_bytes, freed_objects;
    double variance, skewness;
} spprof_site;
/* False: no such stack id. */
SPPROF_API bool spprof_site_get(uint32_t stack_id, spprof_site *site);

/* Absolute path of the mapped library, or "" if it cannot be told. */
SPPROF_API const char *spprof_library_path(void);

/* ---- CPU time ------------------------------------------------------------------------------------------------------
 *
 *   timer of a thread ── its interval of CPU time is over ──► signal on that thread ──► stack, weight ──► log
 *   timer of the process ──► signal on a thread that runs ──► it has no timer yet: gets one. Threads ended: theirs go.
 *
 * A sample weighs what its thread's clock advanced since the thread's last sample, so that weights add up to the CPU time
 * that was spent, whatever the kernel's tick. A sample that is dropped loses none: the next weighs more.
 */

typedef struct spprof_cpu_plan {
    uint64_t interval_ns;
    bool wall;   /* by the monotonic clock instead of each thread's CPU clock */
    bool native; /* with native frames */
} spprof_cpu_plan;

typedef enum spprof_cpu_status {
    SPPROF_CPU_OK,
    SPPROF_CPU_ALREADY_ACTIVE,
    SPPROF_CPU_NOT_ACTIVE,
    SPPROF_CPU_OUT_OF_MEMORY,
    SPPROF_CPU_NO_SIGNAL, /* each real-time signal has a handler */
    SPPROF_CPU_NO_TICKS   /* the kernel grants neither timers nor a thread */
} spprof_cpu_status;

/* Begins a session: what the last one recorded is gone. Every thread is sampled, also those that start later. Where the
 * kernel refuses timers, a thread of ours sends the signals by the wall clock, to threads that used CPU time since.
 * Not in a handler. */
SPPROF_API spprof_cpu_status spprof_cpu_start(const spprof_cpu_plan *plan);
/* No signal's handler of ours is at work any more when it returns. */
SPPROF_API spprof_cpu_status spprof_cpu_stop(void);
SPPROF_API bool spprof_cpu_is_active(void);

typedef struct spprof_cpu_sample {
    uint64_t time_ns;   /* CLOCK_MONOTONIC */
    uint64_t weight_ns; /* CPU time, or wall time, since the thread's last sample */
    uint32_t thread_id; /* the kernel's */
    uint32_t stack_id;  /* spprof_stack_get */
} spprof_cpu_sample;

/* Copies the session's samples, up to `capacity`, and returns how many there are. During and after the session. */
SPPROF_API size_t spprof_cpu_copy(spprof_cpu_sample *out, size_t capacity);

/* What the log had no room for, summed by stack. False: no such stack id. */
SPPROF_API bool spprof_cpu_overflow(uint32_t stack_id, uint64_t *samples, uint64_t *weight_ns);

/* A thread that was met in the session. */
typedef struct spprof_cpu_thread {
    uint32_t thread_id;
    char name[16]; /* the kernel's, when it was met */
    uint64_t samples;
    uint64_t uncovered_ns; /* of its clock, since its last sample; 0 if it has ended */
    bool blocked;          /* it blocks our signal */
} spprof_cpu_thread;
/* Copies them, up to `capacity`, and returns how many there are. Of threads that ended without a sample none is kept. */
SPPROF_API size_t spprof_cpu_threads(spprof_cpu_thread *out, size_t capacity);

/* Reasons for which a tick gave no sample: X(constant, name in Python, meaning). */
#define SPPROF_CPU_DROP_REASONS(X)                                                                                     \
    X(IN_ENGINE, "in_engine", "the signal interrupted the heap profiler")                                              \
    X(TORN, "torn", "the interpreter's frames were just being changed")                                                \
    X(NO_STACK_ROOM, "no_stack_room", "the thread's alternate signal stack is too small")                              \
    X(NO_MEMORY, "no_memory", "the kernel gave no memory for a table")                                                 \
    X(STACK_TABLE_FULL, "stack_table_full", "as many different stacks as the named maximum")                           \
    X(CODE_TABLE_FULL, "code_table_full", "as many different code objects as the named maximum")                       \
    X(THREADS_FULL, "threads_full", "as many threads as the named maximum: one is not sampled")                        \
    X(TIMER_REFUSED, "timer_refused", "the kernel granted a thread no timer: it is not sampled")

typedef enum spprof_cpu_drop_reason {
#define X(constant, name, meaning) SPPROF_CPU_DROP_##constant,
    SPPROF_CPU_DROP_REASONS(X)
#undef X
        SPPROF_CPU_DROP_REASON_COUNT
} spprof_cpu_drop_reason;

/* A session gives up once it has lost this many samples as torn, and more than 99 of 100: this interpreter is not what
 * the walker was built for, and each try costs the program something. */
#define SPPROF_CPU_HOPELESS_TORN 1000

typedef struct spprof_cpu_stats {
    spprof_cpu_plan plan;
    uint32_t sessions; /* starts so far */
    bool active;
    bool displaced;   /* the program has put a handler of its own in the place of ours: nothing is sampled any more */
    bool gave_up;     /* of SPPROF_CPU_HOPELESS_TORN torn stacks or more hardly one was whole: none is taken any more */
    bool by_thread;   /* a thread of ours sends the signals */
    uint32_t threads; /* met in this session */
    uint64_t samples; /* in the log or summed by stack */
    uint64_t weight_ns;        /* of all samples */
    uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC; while active the end is now */
    uint64_t process_ns;       /* CPU time of the process since the start */
    uint64_t handler_ns;       /* CPU time spent in the handler */
    uint64_t dropped[SPPROF_CPU_DROP_REASON_COUNT];
} spprof_cpu_stats;
SPPROF_API void spprof_cpu_get_stats(spprof_cpu_stats *stats);

/* The signal, and what a timer of the thread would hand to it: for tests that send it themselves. False: not active, or the
 * thread has no timer. */
SPPROF_API bool spprof_cpu_tick_of(uint32_t thread_id, int *signal_number, uint64_t *cookie);

/* ---- Symbols: the functions in an object's file, for snapshots ---------------------------------------------------- */

typedef enum spprof_symbols_status {
    SPPROF_SYMBOLS_FOUND,       /* read; each address has its answer, if only "no function" */
    SPPROF_SYMBOLS_NO_FILE,     /* cannot be opened, or is no plain file */
    SPPROF_SYMBOLS_NOT_AN_ELF,  /* no object for this machine, or one whose tables cannot be right */
    SPPROF_SYMBOLS_OTHER_BUILD, /* another build id than wanted: the file was replaced */
    SPPROF_SYMBOLS_OUT_OF_MEMORY
} spprof_symbols_status;

typedef struct spprof_symbols_query {
    const char *path;
    const uint8_t *build_id;
    uint32_t build_id_length;  /* 0: any build will do */
    const uint64_t *addresses; /* ascending, as in the file: without the base; of return addresses one less */
    size_t count;
} spprof_symbols_query;

#define SPPROF_SYMBOL_NAME_MAX 16384 /* longer names are cut */

/* The function that covers an address. */
typedef struct spprof_symbol {
    uint64_t start;  /* its first address in the file */
    uint32_t name;   /* where in `names` */
    uint32_t length; /* of the name, as the linker knows it; 0: no function covers the address */
} spprof_symbol;

typedef struct spprof_symbols {
    spprof_symbol *found; /* room for query.count */
    char *names;          /* room for names_capacity bytes; not terminated */
    size_t names_capacity;
    size_t names_length; /* out: what all names take; more than there is room for: ask again with more */
    bool has_symtab;     /* out: asked the full table; else the one of what the loader links by name, or none */
    bool has_lines;      /* out: the file knows line numbers (.debug_line) */
} spprof_symbols;

/* Looks a batch of addresses up in one pass over the file's symbols, which are read, not mapped: a file that is replaced
 * or truncated meanwhile does no harm, nor do tables that lie. Among several functions at one address, one with a type and
 * a size goes before a bare label, then the one that begins last, global before weak before local, fewer leading
 * underscores, the shorter name, the earlier letter. A label without size reaches to the next symbol of its section. */
SPPROF_API spprof_symbols_status spprof_symbols_find(const spprof_symbols_query *query, spprof_symbols *symbols);

#endif
