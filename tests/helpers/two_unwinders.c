/* two_unwinders.c: a library to preload that unwinds with the engine and with libunwind at the same point and compares
 * the stacks.
 *
 *   malloc, calloc, realloc ──► libc's ──► every N-th call of a thread: compare
 *
 *   engine:    compare_busy │ compare │ malloc │ caller │ … │ main │ _start      equal from compare on, address by
 *   libunwind: compare_busy │ compare │ malloc │ caller │ … │ main │ _start      address, or different from there on
 *
 * Where the stacks diverge, libgcc is consulted: which of the two next addresses does it find as well?
 *
 * Memory:  static. libunwind is loaded by name: if preloaded, it would replace libgcc in the whole program.
 * Threads: one thread compares at a time; calls made during another thread's comparison are skipped.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unwind.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

#define FRAMES_MAX 1000
#define PARTINGS_MAX 4096
#define SEEN_MAX (1 << 18)

typedef struct stack {
    uintptr_t addresses[FRAMES_MAX];
    size_t count, from; /* from: index of the common caller; equal to count if not found */
} stack;

typedef enum parting_kind {
    OURS_IS_CUT,
    OURS_ENDS,
    OURS_GOES_ON,
    ADDRESSES_DIFFER,
    NOT_MET,
    PARTING_KINDS
} parting_kind;
typedef enum third_opinion { AS_OURS, AS_LIBUNWIND, AS_NEITHER, OPINIONS } third_opinion;

static const char *const kind_names[PARTING_KINDS] = {"ours is truncated", "ours ends", "ours goes on",
                                                      "another address", "the common caller was not met"};
static const char *const opinion_names[OPINIONS] = {"as ours", "as libunwind", "as neither"};

/* A point at which stacks diverge. */
typedef struct parting {
    parting_kind kind;
    third_opinion opinion;
    uintptr_t after;        /* the last address that both stacks have */
    uintptr_t ours, theirs; /* the next address in the first stack that diverges here; 0: none */
    uint64_t stacks, addresses;
} parting;

static size_t (*engine_stack)(uintptr_t *addresses, size_t capacity, bool *truncated);
static int (*libunwind_stack)(void **addresses, int capacity);

static _Atomic unsigned every; /* 0: no comparisons */
static __thread unsigned calls;
static __thread bool comparing;
static atomic_flag busy = ATOMIC_FLAG_INIT;

/* Owned by the thread that set `busy`. */
static stack ours, theirs, third;
static parting partings[PARTINGS_MAX];
static size_t parting_count;
static uint64_t stacks, agreed, parted, cut_in_both;
static _Atomic uint64_t passed_over;
static uintptr_t seen[SEEN_MAX];
static size_t seen_count;

/* ---- Stacks ---- */

static void find_common(stack *stack, uintptr_t common) {
    for (stack->from = 0; stack->from < stack->count; stack->from++)
        if (stack->addresses[stack->from] == common) return;
}

static bool take_ours(uintptr_t common) {
    bool truncated;
    ours.count = engine_stack(ours.addresses, FRAMES_MAX, &truncated);
    find_common(&ours, common);
    return !truncated;
}

static void take_theirs(uintptr_t common) {
    int count = libunwind_stack((void **)theirs.addresses, FRAMES_MAX);
    theirs.count = count > 0 ? (size_t)count : 0;
    find_common(&theirs, common);
}

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *unused) {
    (void)unused;
    if (third.count == FRAMES_MAX) return _URC_NORMAL_STOP;
    third.addresses[third.count++] = _Unwind_GetIP(context);
    return _URC_NO_REASON;
}

static void take_third(uintptr_t common) {
    third.count = 0;
    _Unwind_Backtrace(visit, NULL);
    find_common(&third, common);
}

/* ---- Points of divergence ---- */

/* Returns 0 past the end of the stack. */
static uintptr_t address_at(const stack *stack, size_t i) {
    return stack->from + i < stack->count ? stack->addresses[stack->from + i] : 0;
}

static third_opinion opinion_at(size_t i) {
    uintptr_t next = address_at(&third, i);
    if (next == address_at(&ours, i)) return AS_OURS;
    return next == address_at(&theirs, i) ? AS_LIBUNWIND : AS_NEITHER;
}

static parting_kind kind_at(size_t i, bool whole) {
    if (i == 0) return NOT_MET;
    if (address_at(&ours, i) == 0) return whole ? OURS_ENDS : OURS_IS_CUT;
    return address_at(&theirs, i) == 0 ? OURS_GOES_ON : ADDRESSES_DIFFER;
}

static parting *find_parting(parting_kind kind, third_opinion opinion, uintptr_t after) {
    for (size_t i = 0; i < parting_count; i++)
        if (partings[i].kind == kind && partings[i].opinion == opinion && partings[i].after == after)
            return &partings[i];
    if (parting_count == PARTINGS_MAX) return &partings[PARTINGS_MAX - 1];
    partings[parting_count] = (parting){.kind = kind, .opinion = opinion, .after = after};
    return &partings[parting_count++];
}

static size_t left(const stack *stack, size_t i) {
    return stack->count > stack->from + i ? stack->count - stack->from - i : 0;
}

static void note_parting(size_t i, bool whole, uintptr_t common) {
    take_third(common);
    parting *found = find_parting(kind_at(i, whole), opinion_at(i), i > 0 ? address_at(&ours, i - 1) : common);
    size_t addresses = left(&ours, i) > left(&theirs, i) ? left(&ours, i) : left(&theirs, i);
    if (found->stacks++ == 0) {
        found->ours = address_at(&ours, i);
        found->theirs = address_at(&theirs, i);
    }
    found->addresses += addresses;
    parted += addresses;
}

static void note_seen(uintptr_t address) {
    size_t i = address * UINT64_C(0x9E3779B97F4A7C15) >> 46;
    while (seen[i] != 0 && seen[i] != address) i = (i + 1) % SEEN_MAX;
    if (seen[i] == 0 && seen_count < SEEN_MAX / 2) seen[i] = (seen_count++, address);
}

static __attribute__((noinline)) void compare_busy(void) {
    uintptr_t common = (uintptr_t)__builtin_return_address(0);
    bool whole = take_ours(common);
    take_theirs(common);
    size_t i = 0;
    for (; address_at(&ours, i) != 0 && address_at(&ours, i) == address_at(&theirs, i); i++)
        note_seen(address_at(&ours, i));
    bool same = i > 0 && address_at(&ours, i) == address_at(&theirs, i);
    stacks++;
    agreed += i;
    if (!same) note_parting(i, whole, common);
    if (same && !whole) cut_in_both++;
}

static __attribute__((noinline)) void compare(void) {
    int saved_errno = errno;
    comparing = true;
    if (atomic_flag_test_and_set(&busy)) {
        passed_over++;
    } else {
        compare_busy();
        atomic_flag_clear(&busy);
    }
    comparing = false;
    errno = saved_errno;
}

static void count_call(void) {
    unsigned interval = atomic_load_explicit(&every, memory_order_relaxed);
    if (interval == 0 || comparing || ++calls < interval) return;
    calls = 0;
    compare();
}

/* ---- Interposed functions ---- */

void *malloc(size_t size) {
    void *block = __libc_malloc(size);
    count_call();
    return block;
}

void *calloc(size_t count, size_t size) {
    void *block = __libc_calloc(count, size);
    count_call();
    return block;
}

void *realloc(void *old, size_t size) {
    void *block = __libc_realloc(old, size);
    count_call();
    return block;
}

/* ---- Functions that the program calls ---- */

/* Starts the engine as users do and patches everything that is loaded. Returns NULL, or an error message. */
const char *two_unwinders_begin(const char *engine, const char *libunwind, unsigned interval) {
    void *ours_handle = dlopen(engine, RTLD_NOW | RTLD_LOCAL),
         *theirs_handle = dlopen(libunwind, RTLD_NOW | RTLD_LOCAL);
    if (!ours_handle || !theirs_handle) return dlerror();
    engine_stack = (size_t (*)(uintptr_t *, size_t, bool *))dlsym(ours_handle, "spprof_native_stack");
    libunwind_stack = (int (*)(void **, int))dlsym(theirs_handle, "unw_backtrace");
    int (*start)(uint32_t, const uint64_t *) = (int (*)(uint32_t, const uint64_t *))dlsym(ours_handle, "spprof_start");
    size_t (*patch)(void) = (size_t (*)(void))dlsym(ours_handle, "spprof_patch");
    if (!engine_stack || !libunwind_stack || !start || !patch) return dlerror();
    uint64_t seed = 1;
    if (start(512 * 1024, &seed) != 0) return "the engine did not start";
    if (patch() == 0) return "nothing was patched";
    atomic_store(&every, interval);
    return NULL;
}

static void print_place(const char *title, uintptr_t address) {
    Dl_info info = {.dli_fname = "nowhere"};
    if (address == 0)
        printf("  %s nothing", title);
    else if (dladdr((void *)(address - 1), &info))
        printf("  %s %s+%#tx (%s)", title, info.dli_fname, (char *)address - (char *)info.dli_fbase,
               info.dli_sname ? info.dli_sname : "?");
    else
        printf("  %s %#tx", title, address);
}

/* Prints one line of counts, then one line for each point at which stacks diverge. */
void two_unwinders_end(void) {
    atomic_store(&every, 0);
    printf("%ju stacks, %ju addresses agree, %ju do not, %zu are different; %ju stacks end early in both, %ju passed "
           "over\n",
           (uintmax_t)stacks, (uintmax_t)agreed, (uintmax_t)parted, seen_count, (uintmax_t)cut_in_both,
           (uintmax_t)passed_over);
    for (const parting *at = partings; at < partings + parting_count; at++) {
        printf("%s, libgcc %s: %ju stacks, %ju addresses", kind_names[at->kind], opinion_names[at->opinion],
               (uintmax_t)at->stacks, (uintmax_t)at->addresses);
        print_place("after", at->after);
        print_place("ours", at->ours);
        print_place("libunwind", at->theirs);
        printf("\n");
    }
    fflush(stdout);
}
