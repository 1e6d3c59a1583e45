/* hooks.h: what a hook of an allocator calls, and the few words that every allocation reads.
 *
 *   allocate:  countdown -= size ── still above the gate? ──► the original allocator, nothing else happens
 *                                 └─ below: spprof_begin ──► the original ──► spprof_end
 *   free:      filter byte zero? ──► the original free
 *                                 └─ else: spprof_forget, then the original free
 *
 * A hook counts each allocation once (spprof_passes). Where one hook is above another, only one of the two decides
 * about the sample: a pool's hook announces its sample as a handoff, or says that the lower hook's realloc is already
 * counted.
 *
 * Memory:  64 bytes of static TLS a thread, one cache line for the process. No function here calls malloc.
 * Threads: any, with or without an interpreter lock. Each thread has its own countdown.
 * Signals: a handler that interrupts the engine and allocates passes through unsampled; one that frees a sampled
 *          address leaves it on a list that the next engine call empties.
 * Fork:    a child draws countdowns of its own, unless a seed fixes them. A fork waits for a scan of slots
 *          (spprof_patch), a tenth of a second at most.
 * Full:    what cannot be kept is counted (spprof_drop_reason), and the allocation succeeds.
 * errno:   as the original left it.
 */
#ifndef SPPROF_HOOKS_H
#define SPPROF_HOOKS_H

#include "spprof/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- The fast path --------------------------------------------------------------------------------------------- */

/* What each thread holds in static TLS: 64 bytes, all zero in a new thread. Only its own thread reads or writes it
 * (and a signal handler on that thread, which always leaves guard as it found it). */
typedef struct spprof_thread {
    int64_t countdown; /* gate + bytes until the next sample; below the gate: due, or drawn for an earlier start */
    uint64_t random;   /* state of this thread's generator, 0 = not seeded yet */
    uintptr_t already_counted; /* address whose small realloc was decided one level up last, 0 = none */
    uint32_t epoch;            /* the start for which `random` was seeded */
    uint32_t thread_id;        /* the kernel's id, 0 = not asked yet */
    uint16_t handoff_size;     /* size of the sample that a handoff announced, valid while handoff_armed */
    uint8_t handoff_armed;     /* 1 = the next allocation of 513 … 609 bytes is that sample */
    uint8_t guard;             /* > 0: this thread is inside the engine; hooks pass through */
    uint8_t expecting;         /* > 0: objects may have been loaded; look for them at this many further slow calls */
    uint8_t arenas;            /* > 0: an allocator maps memory for its blocks (spprof_begin_arena) */
    uint8_t unused[2];
    uintptr_t stack_low, stack_high; /* what is known of the thread's own stack, 0 = not asked yet */
    uint32_t cpu_session;            /* the session of the CPU profiler in which this thread has a timer */
    uint32_t drawn_rate;             /* mean bytes between samples under which `countdown` was drawn */
} spprof_thread;

_Static_assert(sizeof(spprof_thread) == 64, "the surplus of static TLS in glibc is 1664 bytes for everybody");

SPPROF_API extern __thread spprof_thread spprof_this_thread __attribute__((tls_model("initial-exec")));

/* One 8-bit counter for each hash of addresses: zero means "certainly not sampled". Replaced as a whole when it grows
 * and never unmapped, so the mask and the counters always belong together. */
typedef struct spprof_filter {
    uint32_t last; /* the index of the last counter, which is all ones */
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

/* The engine's own name for it, which its hooks read without the table by which objects find each other's data. */
#if defined(SPPROF_BUILDING_ENGINE)
extern spprof_gate spprof_own_gate __attribute__((visibility("hidden")));
#define SPPROF_GATE spprof_own_gate
#else
#define SPPROF_GATE spprof_the_gate
#endif

/* Words that others write are read plainly, that is, by the very instruction that compares or adds: aligned, they are
 * read whole, and a hook reads each once. For the thread sanitizer they are atomic. */
#if defined(__SANITIZE_THREAD__)
#define SPPROF_READ(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
#else
#define SPPROF_READ(word) (word)
#endif

/* Counts an allocation of `size` bytes. True: not sampled, call the original. False: call spprof_begin.
 * A countdown that falls below 0 takes the slow path, which lifts it; so does a larger size than it, whatever is left
 * then. A size above PTRDIFF_MAX can only fail, and is given back there: no countdown wraps. */
static inline bool spprof_passes(size_t size) {
    spprof_thread *self = &spprof_this_thread;
    uint64_t left;
    bool borrows = __builtin_sub_overflow((uint64_t)self->countdown, (uint64_t)size, &left);
    self->countdown = (int64_t)left;
    return __builtin_expect(!borrows && (int64_t)left >= SPPROF_READ(SPPROF_GATE.threshold), 1);
}

/* The same for what is known to be a few bytes. */
static inline bool spprof_passes_small(size_t size) {
    spprof_thread *self = &spprof_this_thread;
    int64_t left = self->countdown - (int64_t)size;
    self->countdown = left;
    return __builtin_expect(left >= SPPROF_READ(SPPROF_GATE.threshold), 1);
}

/* Fibonacci hashing; the low four bits of a malloc address carry nothing. */
static inline uint64_t spprof_hash_address(uintptr_t address) {
    return (uint64_t)(address >> 4) * UINT64_C(0x9E3779B97F4A7C15);
}

/* Where an address counts in a filter without end: 1.118 counters for each 16 bytes, so that blocks beside each other
 * count beside each other, but not at the same one, and blocks at a distance that a power of two divides are scattered.
 * (2³⁰ times half the square root of 5, an odd number that is one operand of a multiplication.) Its last bits choose
 * the shard of the live table, so that a counter belongs to one shard's lock, however large the filter. */
static inline uint32_t spprof_filter_place(uintptr_t address) {
    return (uint32_t)((uint64_t)address * UINT64_C(0x478DDE6F) >> 34);
}

static inline uint32_t spprof_filter_index(const spprof_filter *filter, uintptr_t address) {
    return spprof_filter_place(address) & filter->last;
}

/* False: `address` was certainly not sampled. True: it may have been, call spprof_forget before freeing it. */
static inline bool spprof_may_be_live(const void *address) {
    const spprof_filter *filter = __atomic_load_n(&SPPROF_GATE.filter, __ATOMIC_ACQUIRE);
    uint32_t index = spprof_filter_index(filter, (uintptr_t)address);
    return __builtin_expect(SPPROF_READ(filter->counters[index]) != 0, 0);
}

/* ---- The slow path: one call of an allocator that may become a sample ------------------------------------------- */

/* A sampled allocation. */
typedef struct spprof_sample {
    uint64_t address;
    uint64_t size;      /* bytes asked for */
    uint64_t time_ns;   /* CLOCK_MONOTONIC */
    uint64_t serial;    /* 1, 2, … in the order of sampling: the sample's identity within a process */
    uint32_t rate;      /* mean bytes between samples under which it was drawn; 0 = every allocation is sampled */
    uint32_t thread_id; /* the kernel's */
    uint64_t stack_id;  /* spprof_stack_get */
} spprof_sample;

/* One call in flight. On the hook's stack, between begin and end. */
typedef struct spprof_ticket {
    spprof_sample sample; /* the sample to be inserted, if `sampled` */
    spprof_sample old;    /* the entry taken out for a realloc, if `detached` */
    size_t size;
    bool sampled;
    bool detached;
} spprof_ticket;

/* Decides whether an allocation of `size` bytes that spprof_passes did not let pass becomes a sample. If so, takes the
 * stack; the thread stays inside the engine until spprof_end. */
SPPROF_API void spprof_begin(spprof_ticket *ticket, size_t size);

/* The same for a hook above or below the one that counts: decides nothing, but completes a handoff (below). */
SPPROF_API void spprof_begin_uncounted(spprof_ticket *ticket, size_t size);

/* The same for a realloc, which also takes `old` out of the live table before its address can be reused.
 * `counted`: whether spprof_passes was called for this realloc and did not pass, by the hook that counts. */
SPPROF_API void spprof_begin_realloc(spprof_ticket *ticket, void *old, size_t size, bool counted);

/* Finishes either: inserts the sample at `result`; puts the detached entry back if the realloc failed (a realloc to
 * size 0 that returns NULL has freed). Returns `result`. */
SPPROF_API void *spprof_end(spprof_ticket *ticket, void *result);

/* `refusal` is called in each thread whose request was to be a sample and failed, in the middle of the allocation: it
 * does what a signal handler may. Large requests practically always are such. NULL: nothing is called. */
typedef void spprof_refusal(void);
SPPROF_API void spprof_call_when_refused(spprof_refusal *refusal);

/* Takes `address` out of the live table, if it is there. To be called before the original free: once freed, another
 * thread may receive the address, and its sample would be erased. */
SPPROF_API void spprof_forget(void *address);

/* ---- Probes ------------------------------------------------------------------------------------------------------ */

/* Asks whether an allocator reaches a hook. spprof_probe_begin sets this thread aside: nothing is sampled until
 * spprof_probe_end, which returns how many bytes were counted since. */
SPPROF_API void spprof_probe_begin(void);
SPPROF_API int64_t spprof_probe_end(void);

/* ---- Unsampled on purpose ---------------------------------------------------------------------------------------- */

/* Between the two, nothing that this thread allocates is sampled: for the profiler's own copies. Calls nest. */
SPPROF_API void spprof_pause(void);
SPPROF_API void spprof_resume(void);

/* ---- Native allocations ------------------------------------------------------------------------------------------ */

/* This library's hooks on the malloc family decide about samples only while this is on. Off, they still complete
 * handoffs, and they still count down, which does no harm: a countdown that they use up is drawn anew. */
SPPROF_API void spprof_set_native(bool on);

/* Redirects the slots through which loaded objects call the malloc family (GOT, function pointers with relocations) to
 * this library's hooks, whose originals are what the program would call without us. Slots stay patched for the life of
 * the process, since their values may have been copied; stopping makes the hooks pass. Page protections are afterwards
 * as before. Objects loaded later are patched too, since dlopen and dlmopen are hooked; the next call finds what came
 * another way (libc's own plug-ins).
 *
 * Returns the number of slots that hold our hooks now. One scan at a time: while another thread scans, the call does
 * nothing. A fork waits for a scan, so that no child inherits the loader's lock from us; a child does not enter the
 * loader before it has itself loaded something, since another thread may have left the lock behind. */
SPPROF_API size_t spprof_patch(void);

/* The same for dlsym and dlvsym alone, where calls come to the hooks already: preloaded, the hooks are what a lookup in
 * the global scope finds, but not one by the handle of libc. */
SPPROF_API void spprof_follow_lookups(void);

/* This thread is about to load objects: its next slow calls look for them. */
SPPROF_API void spprof_expect_objects(void);

/* Objects that call an allocator of the malloc family which is neither ours nor the original, or whose slots could not
 * be written. Returns how many; `names` receives up to `capacity` of them, valid forever. */
SPPROF_API size_t spprof_uncovered(const char **names, size_t capacity);

#endif
