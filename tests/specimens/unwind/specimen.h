/* specimen.h: functions with known stacks, because each records its return address and where its frame ends.
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

/* assembly.c accesses the first four members by their offsets. */
struct specimen_trace {
    specimen_note_function *note; /* specimen_note */
    specimen_function *go_on;     /* specimen_go_on */
    specimen_function *const *script;
    size_t next;  /* index in the script */
    size_t depth; /* number of functions entered; some kinds consist of two */
    uintptr_t returns[SPECIMEN_DEPTH_MAX];
    uintptr_t ends[SPECIMEN_DEPTH_MAX]; /* the stack pointer before the call; 0: unknown */
    uintptr_t sum;                      /* any value, which compilers cannot predict */
};

static inline __attribute__((always_inline)) void specimen_enter(specimen_trace *at, uintptr_t returns, uintptr_t end) {
    at->returns[at->depth] = returns;
    at->ends[at->depth++] = end;
}

/* Every function begins with this … */
#define SPECIMEN_ENTER(at)                                                                                             \
    specimen_enter(at, (uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)),                          \
                   (uintptr_t)__builtin_dwarf_cfa())

/* … and continues with this. */
static inline __attribute__((always_inline)) void specimen_call_next(specimen_trace *at) {
    at->script[at->next++](at);
    __asm__ volatile("" ::: "memory"); /* prevents a tail call */
}

/* ---- frames.c ---- */

#define SPECIMEN_KINDS(X)                                                                                              \
    X(plain)     /* nothing but the call */                                                                            \
    X(saving)    /* saves more registers than there are */                                                             \
    X(arguments) /* calls with more arguments than registers */                                                        \
    X(variable)  /* a stack pointer that is unknown at compile time */                                                 \
    X(large)     /* 100 KiB: fits into a rule of x86-64 */                                                             \
    X(huge)      /* 300 KiB: does not fit */                                                                           \
    X(realigned) /* to 64 bytes */                                                                                     \
    X(realigned_variable)

#define X(kind) SPECIMEN_##kind,
enum { SPECIMEN_KINDS(X) SPECIMEN_KIND_COUNT };
#undef X

extern specimen_function *const specimen_without_frame_pointer[SPECIMEN_KIND_COUNT];
extern specimen_function *const specimen_with_frame_pointer[SPECIMEN_KIND_COUNT];
extern specimen_function *const specimen_unoptimized[SPECIMEN_KIND_COUNT];
/* Compiled without unwind tables. */
extern specimen_function *const specimen_only_frame_pointer[SPECIMEN_KIND_COUNT];
extern specimen_function *const specimen_nothing[SPECIMEN_KIND_COUNT];

/* ---- assembly.c ---- */

specimen_note_function specimen_note;
specimen_function specimen_go_on;

/* The CFA of this function depends on a register that is used for nothing else and that its callees save. */
specimen_function specimen_by_saved_register;
/* Continues with a frame pointer of 0. */
specimen_function specimen_without_any_frame_pointer;

/* Code without a table, to be copied and run anywhere. The first has a frame pointer; the second runs with one of 0. */
extern const uint8_t specimen_framed[], specimen_framed_end[];
extern const uint8_t specimen_frameless[], specimen_frameless_end[];

#if defined(__x86_64__)
/* Each function calls the next one with a different form of the instruction. */
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

/* A one-byte instruction that raises SIGSEGV. An unwinder that looks one byte too far back or ahead finds the table
 * of another function, which is wrong here. The return address is on top of the stack. */
specimen_function specimen_trap_first, specimen_trap_last;
/* Two such instructions, covered by the expression with which linkers describe PLT entries. At the second one, the
 * stack has one more word. */
specimen_function specimen_trap_plt;
/* The call is the function's last instruction. It returns into a function whose table is wrong for it. */
specimen_function specimen_call_last;
#endif

#endif
