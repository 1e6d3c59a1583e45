/* specimen.h: functions whose stacks are known, because each writes down where it returns to and where its frame ends.
 *
 *   script:   f, g, h, …                    script[0] is called first, each calls the next; the last takes the stack
 *   returns:  of f, of g, of h, …           the stack's addresses, root first
 *
 * frames.c is compiled once for each way of keeping frames, which FRAMES names. assembly.c does what compilers do not.
 */
#ifndef SPECIMEN_H
#define SPECIMEN_H

#include <stddef.h>
#include <stdint.h>

#define SPECIMEN_DEPTH_MAX 4096

typedef struct specimen_trace specimen_trace;
typedef void specimen_function(specimen_trace *at);
typedef void specimen_note_function(specimen_trace *at, uintptr_t returns, uintptr_t end);

/* The first four are known to assembly.c by their places. */
struct specimen_trace {
    specimen_note_function *note; /* specimen_note */
    specimen_function *go_on;     /* specimen_go_on */
    specimen_function *const *script;
    size_t next;  /* in the script */
    size_t depth; /* functions entered: some kinds are two */
    uintptr_t returns[SPECIMEN_DEPTH_MAX];
    uintptr_t ends[SPECIMEN_DEPTH_MAX]; /* the stack pointer before the call; 0: not known */
    uintptr_t sum;                      /* of any value: what compilers cannot reckon with */
};

static inline __attribute__((always_inline)) void specimen_enter(specimen_trace *at, uintptr_t returns, uintptr_t end) {
    at->returns[at->depth] = returns;
    at->ends[at->depth++] = end;
}

/* What each function does first, */
#define SPECIMEN_ENTER(at)                                                                                             \
    specimen_enter(at, (uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)),                          \
                   (uintptr_t)__builtin_dwarf_cfa())

/* and to go on. */
static inline __attribute__((always_inline)) void specimen_call_next(specimen_trace *at) {
    at->script[at->next++](at);
    __asm__ volatile("" ::: "memory"); /* and not a jump */
}

/* ---- frames.c ---- */

#define SPECIMEN_KINDS(X)                                                                                              \
    X(plain)     /* nothing but the call */                                                                            \
    X(saving)    /* more registers saved than there are */                                                             \
    X(arguments) /* calls with more arguments than registers */                                                        \
    X(variable)  /* a stack pointer that nobody knows beforehand */                                                    \
    X(large)     /* 100 KiB: fits into a rule of x86-64 */                                                             \
    X(huge)      /* 300 KiB: does not */                                                                               \
    X(realigned) /* to 64 bytes */                                                                                     \
    X(realigned_variable)

#define X(kind) SPECIMEN_##kind,
enum { SPECIMEN_KINDS(X) SPECIMEN_KIND_COUNT };
#undef X

extern specimen_function *const specimen_without_frame_pointer[SPECIMEN_KIND_COUNT];
extern specimen_function *const specimen_with_frame_pointer[SPECIMEN_KIND_COUNT];
extern specimen_function *const specimen_unoptimized[SPECIMEN_KIND_COUNT];
/* Without unwind tables. */
extern specimen_function *const specimen_only_frame_pointer[SPECIMEN_KIND_COUNT];
extern specimen_function *const specimen_nothing[SPECIMEN_KIND_COUNT];

/* ---- assembly.c ---- */

specimen_note_function specimen_note;
specimen_function specimen_go_on;

/* Its CFA is told by a register that nothing else has to be known of, and that its callees save. */
specimen_function specimen_by_saved_register;
/* Goes on with a frame pointer of 0. */
specimen_function specimen_without_any_frame_pointer;

/* Code without a table, to be copied and run anywhere: with a frame pointer, and with one of 0. */
extern const uint8_t specimen_framed[], specimen_framed_end[];
extern const uint8_t specimen_frameless[], specimen_frameless_end[];

#if defined(__x86_64__)
/* Each calls the next in another form of the instruction. */
#define SPECIMEN_CALLS(X)                                                                                              \
    X(register)                                                                                                        \
    X(high_register)                                                                                                   \
    X(memory)                                                                                                          \
    X(near)                                                                                                            \
    X(top)                                                                                                             \
    X(near_top)                                                                                                        \
    X(far)                                                                                                             \
    X(far_index)                                                                                                       \
    X(absolute)
#define X(form) specimen_function specimen_call_##form;
SPECIMEN_CALLS(X)
#undef X

/* An instruction of one byte that raises SIGSEGV, where whoever looks one byte too far back or ahead finds another
 * function's table, which lies. The return address stands on top of the stack. */
specimen_function specimen_trap_first, specimen_trap_last;
/* Two of them, under the expression with which linkers describe PLT entries; at the second there is a word more. */
specimen_function specimen_trap_plt;
/* Its call is its last instruction; it returns into a function whose table lies. */
specimen_function specimen_call_last;
#endif

#endif
