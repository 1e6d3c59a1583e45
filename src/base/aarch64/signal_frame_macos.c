#include "signal_frame.h"

#include "memory.h"
#include "tick_macos.h"

#include <signal.h>
#include <stddef.h>
#include <sys/ucontext.h>

/* Handlers return to _sigtramp, a C function of libsystem_platform. Its description leads to what looks like its
 * caller: where the interrupted function's link register points. The kernel's frame is above _sigtramp's own:
 *
 *   sp ─► _sigtramp's frame │ signal's information │ context ──┐ │ mcontext: exception │ x0 … x30 │ sp │ pc │ …
 *                                                              └─▲
 * It is recognized by the pointer that the context has to its neighbour. */

#define SEARCHED ((size_t)256) /* the size of _sigtramp's frame, at most */
#define ALIGNMENT 16           /* of the stack pointer */

typedef struct kernel_frame {
    siginfo_t information;
    ucontext_t context;
    struct __darwin_mcontext64 machine;
} kernel_frame;

_Static_assert(sizeof(kernel_frame) == 104 + 56 + 816, "as the kernel writes it");

#define FIRST_29 (offsetof(struct __darwin_mcontext64, __ss.__x) + 29 * sizeof(uint64_t))
_Static_assert(offsetof(struct __darwin_mcontext64, __ss.__fp) == FIRST_29 &&
                   offsetof(struct __darwin_mcontext64, __ss.__lr) == FIRST_29 + 8 &&
                   offsetof(struct __darwin_mcontext64, __ss.__sp) == FIRST_29 + 16 &&
                   offsetof(struct __darwin_mcontext64, __ss.__pc) == FIRST_29 + 24,
               "x0 … x30, sp and pc are consecutive");

static bool is_kernel_frame(uintptr_t start) {
    ucontext_t context;
    if (!sp_memory_copy(&context, start + offsetof(kernel_frame, context), sizeof context)) return false;
    return (uintptr_t)context.uc_mcontext == start + offsetof(kernel_frame, machine) &&
           context.uc_mcsize == sizeof(struct __darwin_mcontext64);
}

bool sp_signal_frame_is_hidden(uintptr_t pc) {
    return pc != 0 && pc == sp_tick_return_address();
}

bool sp_signal_frame_find(uintptr_t pc, uintptr_t sp, uintptr_t *registers) {
    if (!sp_signal_frame_is_hidden(pc) || sp % ALIGNMENT != 0) return false;
    for (uintptr_t start = sp; start <= sp + SEARCHED; start += ALIGNMENT) {
        if (!is_kernel_frame(start)) continue;
        *registers = start + offsetof(kernel_frame, machine.__ss.__x);
        return true;
    }
    return false;
}
