/* stacks.h: the stack of a sample: who reads the interpreter's frames, what a frame is, which code and objects it is
 * in.
 *
 *   walker ──► interpreter frames ─┐
 *                                  ├─ merged ──► interned: one id for one stack ──► spprof_stack_get
 *   unwinder ──► native frames ────┘
 *
 *   frame:  [ 1 | code id 31 | position 32 ]                      interpreted ──► spprof_code_get
 *           [ 0 | generation 15 | return address 48 ]             native      ──► spprof_module_get
 *
 * Memory:  stacks, code and objects are copied into mapped tables when first seen. Code and objects are valid forever;
 *          a stack leaves when the table is 7/8 full and nothing needs it (spprof_keep_stacks).
 * Threads: any. Lookups take no lock.
 * Signals: spprof_interrupted_words, spprof_copy, spprof_code_lookup and spprof_code_intern are safe.
 * Fork:    a child keeps all ids. Its own samples get stacks of their own (spprof_site.birth).
 * Full:    no sample is lost. A stack that finds no room is counted as the stack <stacks table full>; a code object
 *          shows as <code table full>; the frames of an object show as bare addresses.
 */
#ifndef SPPROF_STACKS_H
#define SPPROF_STACKS_H

#include "spprof/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A frame is one word. Bit 63 set: interpreted, bits 32 … 62 the code id and 0 … 31 the position in it (its unit is
 * the walker's). Clear: native, bits 0 … 47 the return address (one past the call; one past the instruction where a
 * signal interrupted), bits 48 … 62 the generation: how many other objects had been seen at its address range
 * before. */
#define SPPROF_FRAME_INTERPRETED (UINT64_C(1) << 63)
#define SPPROF_FRAME_GENERATION_SHIFT 48
#define SPPROF_STACK_FRAMES_MAX 1024 /* the leaf-most frames are kept, the stack is depth-limited */

static inline uint64_t spprof_frame_interpreted(uint32_t code_id, uint32_t position) {
    return SPPROF_FRAME_INTERPRETED | (uint64_t)code_id << 32 | position;
}

/* Writes the calling thread's interpreter frames, leaf first, and returns how many words. After the frames that one
 * call of the interpreter's evaluation loop runs comes that call's anchor, an address on the C stack inside the call's
 * own C frame (bit 63 clear): the frames are put in place of that native frame. Anchor 0: the next native frame in the
 * evaluation code (below). Frames whose anchor is met nowhere come last, so that none is lost. More than `capacity`
 * words: writes `capacity` of them and sets *depth_limited. SIZE_MAX: a code object found no room, and all the frames
 * show as one, <code table full>. Called inside the guard on the thread being sampled, possibly without any
 * interpreter lock; must not allocate. */
typedef size_t spprof_walker(uint64_t *words, size_t capacity, bool *depth_limited);
SPPROF_API void spprof_set_walker(spprof_walker *walker);

/* Where a signal interrupted a thread. Within the thread's own stack (spprof_thread) all from `sp` to the stack's end
 * is there. */
typedef struct spprof_interrupted {
    uintptr_t sp;
    const void *context; /* the kernel's */
} spprof_interrupted;

/* The same for a thread that a signal interrupted at any instruction, in its handler: what the interpreter's own
 * pointers lead to may be gone or never have been, and is read by spprof_copy or where it cannot go. It may also return
 * SPPROF_WALK_TORN: the frames were just being changed, and nobody knows them. */
#define SPPROF_WALK_TORN (SIZE_MAX - 1)
typedef size_t spprof_tick_walker(const spprof_interrupted *at, uint64_t *words, size_t capacity, bool *depth_limited);
SPPROF_API void spprof_set_tick_walker(spprof_tick_walker *walker);

/* What stands in its registers, those for vectors too, word by word and in no order. Returns how many. Signals:
 * safe. */
#define SPPROF_INTERRUPTED_WORDS_MAX 64
SPPROF_API size_t spprof_interrupted_words(const spprof_interrupted *at, uintptr_t *words);

/* Copies memory that may not be there: false, and *to holds nothing of use. Signals: safe. */
SPPROF_API bool spprof_copy(void *to, uintptr_t from, size_t bytes);

/* Where the interpreter's evaluation loop lies, for walkers without anchors. At most SPPROF_CODE_RANGES_MAX are
 * kept. */
typedef struct spprof_code_range {
    uintptr_t start, end;
} spprof_code_range;
#define SPPROF_CODE_RANGES_MAX 8
SPPROF_API void spprof_set_evaluation_code(const spprof_code_range *ranges, size_t count);

/* Whether `pc` is in code that the interpreter has generated (its JIT's). Such code has no frames of its own to show:
 * they are left out, and unwinding goes on at the call of the evaluation loop that runs them. Called in handlers too,
 * with or without an interpreter lock. Set behind the walker, by a thread that the evaluation loop has called; again
 * does no harm. Not in a handler. */
typedef bool spprof_generated_code(uintptr_t pc);
SPPROF_API void spprof_set_generated_code(spprof_generated_code *is_generated);

/* An id is [ generation | slot ]; it is never used again for another stack. */
#define SPPROF_STACK_SLOT_BITS 20
static inline uint32_t spprof_stack_slot(uint64_t id) {
    return (uint32_t)(id & ((UINT32_C(1) << SPPROF_STACK_SLOT_BITS) - 1));
}

/* The stack <stacks no longer kept>, to which the totals of stacks that leave are added. */
#define SPPROF_STACKS_EVICTED ((UINT32_C(1) << SPPROF_STACK_SLOT_BITS) - 1)

typedef struct spprof_stack {
    const uint64_t *frames; /* leaf first; valid while a live sample or spprof_keep_stacks holds the stack */
    uint32_t count;
    bool depth_limited; /* more frames than are kept, or than the interpreter knows */
    bool truncated;     /* unwinding ended before the thread's first frame */
} spprof_stack;
/* False: no such id, or not any more. Until a table first evicts, ids run from 1 to spprof_stats.stacks. */
SPPROF_API bool spprof_stack_get(uint64_t id, spprof_stack *stack);

/* Between the two no stack leaves the table. New stacks that find no room meanwhile are counted as <stacks table full>:
 * not for long. Calls nest. Not in a handler. */
SPPROF_API void spprof_keep_stacks(void);
SPPROF_API void spprof_let_stacks_go(void);

/* An object in which a native frame was seen: the program, a library. Valid forever, whether still loaded or not. */
typedef struct spprof_module {
    uintptr_t start, end; /* where it was mapped */
    uintptr_t base;       /* added to the addresses in its file */
    const char *path;     /* absolute, unless the loader had none ("linux-vdso.so.1") */
    const uint8_t *build_id;
    uint32_t build_id_length; /* 0: it has none */
    uint32_t generation;      /* as in the frames that belong to it */
} spprof_module;
/* The index-th, 0, 1, …; false: no more. */
SPPROF_API bool spprof_module_get(uint32_t index, spprof_module *module);

/* Notices what the loader has unloaded or loaded by ways that no hook sees. Takes the loader's lock; for snapshots. */
SPPROF_API void spprof_refresh_objects(void);

/* ---- Interpreted code, copied when first seen -------------------------------------------------------------------- */

/* What is kept of a code object: bytes of our own, valid forever. Strings are UTF-8 and not terminated. */
typedef struct spprof_code {
    const char *function, *file;
    const uint8_t *lines; /* the interpreter's own position table, opaque to the engine */
    uint32_t function_length, file_length, lines_length;
    int32_t first_line;
} spprof_code;

/* Ids of code that is none, in frames that stand for something else: a name in angle brackets and no lines. */
#define SPPROF_CODE_STACKS_EVICTED UINT32_C(0x7FFFFFFF) /* <stacks no longer kept>: totals of stacks that left */
#define SPPROF_CODE_STACKS_FULL UINT32_C(0x7FFFFFFE)    /* <stacks table full> */
#define SPPROF_CODE_CODES_FULL UINT32_C(0x7FFFFFFD)     /* <code table full> */

/* The id under which the code object now at `address` is known, or 0: not seen yet, or not remembered. */
SPPROF_API uint32_t spprof_code_lookup(uintptr_t address);
/* Copies `code`, unless the same content is known already, remembers that it stands at `address` and returns its id.
 * Without room for it: SPPROF_CODE_CODES_FULL, counted. Any thread; does not allocate with malloc. */
SPPROF_API uint32_t spprof_code_intern(uintptr_t address, const spprof_code *code);
/* The code object at `address` is being destroyed: whatever comes to stand there is another one. */
SPPROF_API void spprof_code_forget(uintptr_t address);
/* False: no such id. */
SPPROF_API bool spprof_code_get(uint32_t id, spprof_code *code);

#endif
