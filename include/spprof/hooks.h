/* hooks.h: the functions that an allocator's hook calls, and the few words that every allocation reads.
 *
 *   allocate:  countdown -= size ── still above the gate? ──► the original allocator, nothing else happens
 *                                 └─ below: spprof_begin ──► the original ──► spprof_end
 *   free:      filter byte zero? ──► the original free
 *                                 └─ else: spprof_forget, then the original free
 *
 * A hook counts each allocation once (spprof_passes). If one hook is above another, only one of the two makes the
 * sample decision: a pool's hook either passes its sample down as a handoff, or marks the lower hook's realloc as
 * already counted.
 *
 * Memory:  64 bytes of static TLS per thread (macOS: of mapped memory), one cache line per process. No function here
 *          calls malloc.
 * Threads: any, with or without an interpreter lock. Each thread has its own countdown.
 * Signals: if a handler interrupts the engine and allocates, the allocation passes unsampled; if it frees a sampled
 *          address, the address goes on a list that the next engine call empties.
 * Fork:    a child draws its own countdowns, unless a seed fixes them. A fork waits for a scan of slots (spprof_patch),
 *          at most a tenth of a second.
 * Full:    what cannot be kept is counted (spprof_drop_reason), and the allocation succeeds.
 * errno:   as the original left it.
 */
#ifndef SPPROF_HOOKS_H
#define SPPROF_HOOKS_H

#include "spprof/api.h"
#include "spprof/this_thread.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- The fast path --------------------------------------------------------------------------------------------- */

/* One 8-bit counter for each hash of an address. Zero means "certainly not sampled". When the filter grows, it is
 * replaced as a whole, and the old one is never unmapped. So the mask and the counters always belong together. */
typedef struct spprof_filter {
    uint32_t last; /* the index of the last counter; all its bits are ones, so it also serves as a mask */
    uint8_t unused[60];
    uint8_t counters[]; /* on separate cache lines */
} spprof_filter;

/* The threshold while sampling is off. It must not be lower, so that no countdown can wrap. */
#define SPPROF_STOPPED 0

/* The two words that every allocation and every free read. They are hardly ever written and have a cache line to
 * themselves. */
typedef struct spprof_gate {
    int64_t threshold; /* SPPROF_STOPPED; the k-th start sets k << 40 */
    const spprof_filter *filter;
} spprof_gate;

SPPROF_API extern spprof_gate spprof_the_gate;

/* The gate, by the engine's own name for it while the engine is built: include/macos has its own header. */
#if defined(SPPROF_BUILDING_ENGINE)
#include "spprof/own_gate.h"
#define SPPROF_GATE SPPROF_OWN_GATE
#else
#define SPPROF_GATE spprof_the_gate
#endif

/* Words that other threads write are read plainly, by the very instruction that compares or adds. They are aligned,
 * so a read is never torn, and a hook reads each one once. Under the thread sanitizer the reads are atomic. */
#if defined(__SANITIZE_THREAD__)
#define SPPROF_READ(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
#else
#define SPPROF_READ(word) (word)
#endif

/* Count an allocation of `size` bytes. Return true if it is not sampled: call the original. False: call
 * spprof_begin. A countdown that falls below 0 takes the slow path, which raises it. So does a size larger than the
 * countdown, whatever the result of the subtraction. A size above PTRDIFF_MAX can only fail, and the slow path adds
 * it back, so no countdown wraps. */
static inline bool spprof_passes(size_t size) {
    spprof_thread *self = &spprof_this_thread;
    uint64_t left;
    bool borrows = __builtin_sub_overflow((uint64_t)self->countdown, (uint64_t)size, &left);
    self->countdown = (int64_t)left;
    return __builtin_expect(!borrows && (int64_t)left >= SPPROF_READ(SPPROF_GATE.threshold), 1);
}

/* Like spprof_passes(), but for sizes that are known to be a few bytes. */
static inline bool spprof_passes_small(size_t size) {
    spprof_thread *self = &spprof_this_thread;
    int64_t left = self->countdown - (int64_t)size;
    self->countdown = left;
    return __builtin_expect(left >= SPPROF_READ(SPPROF_GATE.threshold), 1);
}

/* Hash an address (Fibonacci hashing). The low four bits of a malloc address carry no information. */
static inline uint64_t spprof_hash_address(uintptr_t address) {
    return (uint64_t)(address >> 4) * UINT64_C(0x9E3779B97F4A7C15);
}

/* Return the counter of an address in a filter of unlimited size: 1.118 counters per 16 bytes. So adjacent blocks
 * have adjacent counters, but not the same one, and blocks at a distance divisible by a power of two are scattered.
 * (The factor is 2³⁰ times half the square root of 5, rounded to an odd number that fits one operand of a
 * multiplication.) The last bits of the result choose the shard of the live table, so a counter belongs to one
 * shard's lock, however large the filter is. */
static inline uint32_t spprof_filter_place(uintptr_t address) {
    return (uint32_t)((uint64_t)address * UINT64_C(0x478DDE6F) >> 34);
}

static inline uint32_t spprof_filter_index(const spprof_filter *filter, uintptr_t address) {
    return spprof_filter_place(address) & filter->last;
}

/* Return false if `address` was certainly not sampled. True: it may have been sampled, so call spprof_forget before
 * freeing it. */
static inline bool spprof_may_be_live(const void *address) {
    const spprof_filter *filter = __atomic_load_n(&SPPROF_GATE.filter, __ATOMIC_ACQUIRE);
    uint32_t index = spprof_filter_index(filter, (uintptr_t)address);
    return __builtin_expect(SPPROF_READ(filter->counters[index]) != 0, 0);
}

/* ---- The slow path: one call of an allocator that may become a sample ------------------------------------------- */

/* A sampled allocation. */
typedef struct spprof_sample {
    uint64_t address;
    uint64_t size;      /* bytes requested */
    uint64_t time_ns;   /* SPPROF_CLOCK (clock.h) */
    uint64_t serial;    /* 1, 2, … in the order of sampling: identifies the sample within a process */
    uint32_t rate;      /* the sampling interval for which it was drawn; 0 = every allocation is sampled */
    uint32_t thread_id; /* the kernel's */
    uint64_t stack_id;  /* spprof_stack_get */
} spprof_sample;

/* One call in progress. It is kept on the hook's stack between begin and end. */
typedef struct spprof_ticket {
    spprof_sample sample; /* the sample to insert, if `sampled` */
    spprof_sample old;    /* the entry taken out for a realloc, if `detached` */
    size_t size;
    bool sampled;
    bool detached;
} spprof_ticket;

/* Decide whether an allocation of `size` bytes, for which spprof_passes returned false, becomes a sample. If so,
 * take the stack. The thread stays inside the engine until spprof_end. */
SPPROF_API void spprof_begin(spprof_ticket *ticket, size_t size);

/* Like spprof_begin(), but for a hook above or below the one that counts: make no decision, only complete a handoff
 * (below). */
SPPROF_API void spprof_begin_uncounted(spprof_ticket *ticket, size_t size);

/* Like spprof_begin(), but for a realloc: also remove `old` from the live table before its address can be reused.
 * `counted`: the hook that counts called spprof_passes for this realloc, and it returned false. */
SPPROF_API void spprof_begin_realloc(spprof_ticket *ticket, void *old, size_t size, bool counted);

/* Finish a call that any of the three functions above began: insert the sample at `result`. If the realloc failed,
 * put the detached entry back (a realloc to size 0 that returns NULL has freed the block). Return `result`. */
SPPROF_API void *spprof_end(spprof_ticket *ticket, void *result);

/* Set the function that is called in each thread whose request was chosen as a sample and failed. It runs in the
 * middle of the allocation, so it may do only what a signal handler may do. Large requests are practically always
 * chosen. NULL: call nothing. */
typedef void spprof_refusal(void);
SPPROF_API void spprof_call_when_refused(spprof_refusal *refusal);

/* Remove `address` from the live table if it is listed there. Call this before the original free: as soon as the
 * address is freed, another thread may receive it, and that thread's sample would be erased. */
SPPROF_API void spprof_forget(void *address);

/* ---- Probes ------------------------------------------------------------------------------------------------------ */

/* Find out whether an allocator reaches a hook. spprof_probe_begin exempts this thread from sampling until
 * spprof_probe_end, which returns how many bytes were counted in between. */
SPPROF_API void spprof_probe_begin(void);
SPPROF_API int64_t spprof_probe_end(void);

/* ---- Unsampled on purpose ---------------------------------------------------------------------------------------- */

/* Between these two calls, nothing that this thread allocates is sampled. They serve the profiler's own copies.
 * Calls nest. */
SPPROF_API void spprof_pause(void);
SPPROF_API void spprof_resume(void);

/* ---- Native allocations ------------------------------------------------------------------------------------------ */

/* Set whether this library's hooks on the malloc family make sample decisions. If not, they still complete
 * handoffs. They also still count down, which does no harm: a countdown that they exhaust is redrawn. */
SPPROF_API void spprof_set_native(bool on);

/* Redirect the slots through which loaded objects call the malloc family (GOT, function pointers with relocations)
 * to this library's hooks. The hooks' originals are the functions that the program would call without us. Slots stay
 * patched for the life of the process, since their values may have been copied; after a stop, the hooks pass every
 * call through. Page protections are restored. Objects loaded later are patched too: dlopen and dlmopen are hooked,
 * and the next call finds the objects that were loaded in another way (libc's own plug-ins).
 *
 * On macOS nothing is redirected: this sets libmalloc's logger, which is told of every call. It is cleared by a stop
 * after which no sample is live, or else by shutdown. Return 1 if a malloc, made here for trial, is reported to us; 0
 * if another tool's logger is on top of ours and does not pass reports on.
 *
 * Elsewhere, return the number of slots that hold our hooks now. Only one scan runs at a time: while another thread is
 * scanning, the call does nothing. A fork waits for a running scan to end, so that no child inherits the loader's
 * lock from us. A child does not enter the loader before it has loaded something itself, since another thread may
 * have left the lock held. */
SPPROF_API size_t spprof_patch(void);

/* Like spprof_patch(), but only for dlsym and dlvsym. It is for a library whose hooks already receive the calls: if
 * the library is preloaded, a lookup in the global scope finds the hooks, but a lookup through libc's handle does
 * not. On macOS it only keeps the logger set. */
SPPROF_API void spprof_follow_lookups(void);

/* Declare that this thread is about to load objects. Its next slow calls look for them. */
SPPROF_API void spprof_expect_objects(void);

/* List the objects that call an allocator of the malloc family that is neither ours nor the original, and the
 * objects whose slots could not be written. Return how many there are. `names` receives up to `capacity` of them,
 * valid for the life of the process. On macOS there are none. */
SPPROF_API size_t spprof_uncovered(const char **names, size_t capacity);

#endif
