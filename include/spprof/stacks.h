/* stacks.h: the stack of a sample: which function reads the interpreter's frames, what a frame is, and which code and
 * objects it belongs to.
 *
 *   walker ──► interpreter frames ─┐
 *                                  ├─ merged ──► interned: one id for one stack ──► spprof_stack_get
 *   unwinder ──► native frames ────┘
 *
 *   frame:  [ 1 | code id 31 | position 32 ]                      interpreted ──► spprof_code_get
 *           [ 0 | generation 15 | return address 48 ]             native      ──► spprof_module_get
 *
 * Memory:  stacks, code and objects are copied into mapped tables when first seen. Code and objects stay valid for the
 *          life of the process; a stack may leave once the table is 7/8 full and nothing needs it (spprof_keep_stacks).
 * Threads: any. Lookups take no lock.
 * Signals: spprof_interrupted_words, spprof_copy, spprof_code_lookup and spprof_code_intern are safe.
 * Fork:    a child keeps all ids. Its own samples get separate stacks (spprof_site.birth).
 * Full:    no sample is lost. A stack that does not fit is counted as the stack <stacks table full>; a code object that
 *          does not fit shows as <code table full>; frames of an object that does not fit show as bare addresses.
 */
#ifndef SPPROF_STACKS_H
#define SPPROF_STACKS_H

#include "spprof/address_bits.h"
#include "spprof/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A frame is one word. Bit 63 set: interpreted; bits 32 … 62 are the code id and bits 0 … 31 the position in that
 * code, in the walker's own unit. Bit 63 clear: native; bits 0 … 47 are the return address (one past the call, or
 * one past the instruction that a signal interrupted), and bits 48 … 62 are the generation: how many other objects
 * had been seen at its address range before. */
#define SPPROF_FRAME_INTERPRETED (UINT64_C(1) << 63)
#define SPPROF_FRAME_GENERATION_SHIFT 48
#define SPPROF_STACK_FRAMES_MAX 1024 /* only this many frames at the leaf are kept; a deeper stack is depth-limited */

static inline uint64_t spprof_frame_interpreted(uint32_t code_id, uint32_t position) {
    return SPPROF_FRAME_INTERPRETED | (uint64_t)code_id << 32 | position;
}

/* Write the calling thread's interpreter frames, leaf first, and return how many words were written. The frames run
 * by one call of the interpreter's evaluation loop are followed by that call's anchor: an address on the C stack
 * inside the call's C frame (bit 63 clear). They replace that native frame. Anchor 0 means the next native frame in
 * the evaluation code (below). Frames whose anchor is not found come last, so that none is lost. If there are more
 * than `capacity` words, write `capacity` of them and set *depth_limited. Return SIZE_MAX if a code object did not
 * fit; all the frames then show as one, <code table full>. The walker is called inside the guard on the thread being
 * sampled, possibly without any interpreter lock, and must not allocate. */
typedef size_t spprof_walker(uint64_t *words, size_t capacity, bool *depth_limited);
SPPROF_API void spprof_set_walker(spprof_walker *walker);

/* Where a signal interrupted a thread. If `sp` is within the thread's own stack (spprof_thread), everything from
 * `sp` to the stack's end is readable. */
typedef struct spprof_interrupted {
    uintptr_t sp;
    const void *context; /* the ucontext_t that the kernel passed to the handler */
} spprof_interrupted;

/* Like spprof_walker, but for a thread that a signal interrupted at any instruction; it runs in the signal's
 * handler. The memory behind the interpreter's pointers may be gone or may never have existed; it is read with
 * spprof_copy, or directly where it cannot disappear. May also return SPPROF_WALK_TORN: the interpreter was changing
 * the frames, and they cannot be determined. */
#define SPPROF_WALK_TORN (SIZE_MAX - 1)
typedef size_t spprof_tick_walker(const spprof_interrupted *at, uint64_t *words, size_t capacity, bool *depth_limited);
SPPROF_API void spprof_set_tick_walker(spprof_tick_walker *walker);

/* Copy the words in the interrupted thread's registers, including the vector registers, in no particular order.
 * Return how many words there are. Signals: safe. */
#define SPPROF_INTERRUPTED_WORDS_MAX 64
SPPROF_API size_t spprof_interrupted_words(const spprof_interrupted *at, uintptr_t *words);

/* Copy memory that may not be mapped. Return false if it is not; the content of *to is then undefined. Signals:
 * safe. */
SPPROF_API bool spprof_copy(void *to, uintptr_t from, size_t bytes);

/* Set the address ranges of the interpreter's evaluation loop, for walkers without anchors. At most
 * SPPROF_CODE_RANGES_MAX are kept. */
typedef struct spprof_code_range {
    uintptr_t start, end;
} spprof_code_range;
#define SPPROF_CODE_RANGES_MAX 8
SPPROF_API void spprof_set_evaluation_code(const spprof_code_range *ranges, size_t count);

/* Return whether `pc` is in code that the interpreter has generated (its JIT's). Such code has no frames to show:
 * they are left out, and unwinding continues at the call of the evaluation loop that runs them. The function is also
 * called in handlers, with or without an interpreter lock. Set it after the walker, on a thread that is running
 * inside the evaluation loop; setting it again does no harm. Not in a handler. */
typedef bool spprof_generated_code(uintptr_t pc);
SPPROF_API void spprof_set_generated_code(spprof_generated_code *is_generated);

/* An id is [ generation | slot ]. It is never reused for another stack. */
#define SPPROF_STACK_SLOT_BITS 20
static inline uint32_t spprof_stack_slot(uint64_t id) {
    return (uint32_t)(id & ((UINT32_C(1) << SPPROF_STACK_SLOT_BITS) - 1));
}

/* The stack <stacks no longer kept>, to which the totals of stacks that leave are added. */
#define SPPROF_STACKS_EVICTED ((UINT32_C(1) << SPPROF_STACK_SLOT_BITS) - 1)

typedef struct spprof_stack {
    const uint64_t *frames; /* leaf first; valid while a live sample or spprof_keep_stacks holds the stack */
    uint32_t count;
    bool depth_limited; /* more frames than are kept, or than the interpreter records */
    bool truncated;     /* unwinding ended before the thread's first frame */
} spprof_stack;
/* Return false if there is no such id, or if its stack has left the table. Until the first eviction, ids run from 1
 * to spprof_stats.stacks. */
SPPROF_API bool spprof_stack_get(uint64_t id, spprof_stack *stack);

/* Between these two calls no stack leaves the table. New stacks that do not fit in the meantime are counted as
 * <stacks table full>, so keep the interval short. Calls nest. Not in a handler. */
SPPROF_API void spprof_keep_stacks(void);
SPPROF_API void spprof_let_stacks_go(void);

/* An object in which a native frame was seen: the program or a library. The entry is valid for the life of the
 * process, even after the object is unloaded. */
typedef struct spprof_module {
    uintptr_t start, end; /* where it was mapped */
    uintptr_t base;       /* added to the addresses in its file */
    const char *path;     /* absolute, unless the loader had none ("linux-vdso.so.1") */
    const uint8_t *build_id;
    uint32_t build_id_length; /* 0: it has none */
    uint32_t generation;      /* as in the frames that belong to it */
} spprof_module;
/* Get the module with this index: 0, 1, … Return false past the last one. */
SPPROF_API bool spprof_module_get(uint32_t index, spprof_module *module);

/* Detect objects that the loader has unloaded or loaded in ways that no hook sees. Takes the loader's lock; meant
 * for snapshots. */
SPPROF_API void spprof_refresh_objects(void);

/* ---- Interpreted code, copied when first seen -------------------------------------------------------------------- */

/* The kept part of a code object: our own copy, valid for the life of the process. Strings are UTF-8 and not
 * terminated. */
typedef struct spprof_code {
    const char *function, *file;
    const uint8_t *lines; /* the interpreter's own position table, opaque to the engine */
    uint32_t function_length, file_length, lines_length;
    int32_t first_line;
} spprof_code;

/* Ids that stand for something other than code in a frame. Each has a name in angle brackets and no lines. */
#define SPPROF_CODE_STACKS_EVICTED UINT32_C(0x7FFFFFFF) /* <stacks no longer kept>: totals of stacks that have left */
#define SPPROF_CODE_STACKS_FULL UINT32_C(0x7FFFFFFE)    /* <stacks table full> */
#define SPPROF_CODE_CODES_FULL UINT32_C(0x7FFFFFFD)     /* <code table full> */

/* Return the id under which the code object now at `address` is known, or 0 if it has not been seen or is not
 * remembered. */
SPPROF_API uint32_t spprof_code_lookup(uintptr_t address);
/* Copy `code`, unless the same content is already known, remember that it is at `address`, and return its id. If it
 * does not fit, count it and return SPPROF_CODE_CODES_FULL. Any thread may call this; it does not call malloc. */
SPPROF_API uint32_t spprof_code_intern(uintptr_t address, const spprof_code *code);
/* Forget the code object at `address`, which is being destroyed: the next code object at this address is a different
 * one. */
SPPROF_API void spprof_code_forget(uintptr_t address);
/* Return false if there is no such id. */
SPPROF_API bool spprof_code_get(uint32_t id, spprof_code *code);

#endif
