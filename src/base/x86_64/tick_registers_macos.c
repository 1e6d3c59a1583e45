#include "tick.h"

#include <errno.h>
#include <mach/kern_return.h>
#include <mach/message.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ucontext.h>

#define GENERAL 17

static const struct __darwin_mcontext64 *machine_of(const void *context) {
    return ((const ucontext_t *)context)->uc_mcontext;
}

uintptr_t sp_tick_stack_pointer(const void *context) {
    return machine_of(context)->__ss.__rsp;
}

void sp_tick_registers(const sp_interrupted *interrupted, uintptr_t *values) {
    const struct __darwin_x86_thread_state64 *state = &machine_of(interrupted->context)->__ss;
    const uintptr_t ordered[GENERAL] = {state->__rax, state->__rdx, state->__rcx, state->__rbx, state->__rsi,
                                        state->__rdi, state->__rbp, state->__rsp, state->__r8,  state->__r9,
                                        state->__r10, state->__r11, state->__r12, state->__r13, state->__r14,
                                        state->__r15, state->__rip};
    memcpy(values, ordered, sizeof ordered);
}

/* With AVX, the context is larger, and begins with the same fields. */
size_t sp_tick_words(const sp_interrupted *interrupted, uintptr_t *words) {
    const struct __darwin_x86_float_state64 *vectors = &machine_of(interrupted->context)->__fs;
    enum { VECTOR_BYTES = 16 * sizeof vectors->__fpu_xmm0 };
    _Static_assert(offsetof(struct __darwin_x86_float_state64, __fpu_xmm15) -
                           offsetof(struct __darwin_x86_float_state64, __fpu_xmm0) ==
                       VECTOR_BYTES - sizeof vectors->__fpu_xmm0,
                   "the vectors are consecutive");
    _Static_assert(GENERAL + VECTOR_BYTES / sizeof(uintptr_t) == SP_TICK_WORDS_MAX, "two words per vector");
    sp_tick_registers(interrupted, words);
    memcpy(words + GENERAL, (const char *)vectors + offsetof(struct __darwin_x86_float_state64, __fpu_xmm0),
           VECTOR_BYTES);
    return SP_TICK_WORDS_MAX;
}

#define CARRY 1 /* in the flags: a BSD call has failed */

/* Return whether a call that a signal interrupts has ended, not restarted: one of BSD's, or one of Mach's. */
static bool has_ended(const struct __darwin_x86_thread_state64 *state) {
    if (state->__rax == EINTR) return (state->__rflags & CARRY) != 0;
    return state->__rax == KERN_ABORTED || state->__rax == MACH_RCV_INTERRUPTED ||
           state->__rax == MACH_SEND_INTERRUPTED;
}

/* If a call restarts, its instruction is at the interrupted address; if it has ended, its instruction is just before
 * that address. A page that may be missing is not read. */
bool sp_tick_has_woken(const sp_interrupted *interrupted) {
    static const uint8_t system_call[2] = {0x0F, 0x05};
    const struct __darwin_x86_thread_state64 *state = &machine_of(interrupted->context)->__ss;
    uintptr_t at = state->__rip;
    if (has_ended(state)) at -= sizeof system_call;
    bool is_in_one_page = at % 4096 <= 4096 - sizeof system_call && (at ^ state->__rip) < 4096;
    return is_in_one_page && memcmp((const void *)at, system_call, sizeof system_call) == 0;
}
