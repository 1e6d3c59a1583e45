#include "signal_frame.h"

#include "memory.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>

static const uint32_t return_code[2] = {
    0xD2801168, /* mov x8, #139: rt_sigreturn */
    0xD4000001, /* svc #0 */
};

static bool is_return_code(uintptr_t pc) {
    bool readable =
        pc % sizeof *return_code == 0 && sp_memory_is_readable(pc) && sp_memory_is_readable(pc + sizeof *return_code);
    return readable && memcmp((const void *)pc, return_code, sizeof return_code) == 0;
}

#define REGISTERS_OFFSET (sizeof(siginfo_t) + offsetof(ucontext_t, uc_mcontext.regs))
#define FIRST_31 (offsetof(mcontext_t, regs) + 31 * sizeof(uintptr_t))
_Static_assert(offsetof(mcontext_t, sp) == FIRST_31 && offsetof(mcontext_t, pc) == FIRST_31 + sizeof(uintptr_t),
               "x0 … x30, sp and pc are consecutive");

bool sp_signal_frame_find(uintptr_t pc, uintptr_t sp, uintptr_t *registers) {
    *registers = sp + REGISTERS_OFFSET;
    return is_return_code(pc);
}

bool sp_signal_frame_is_hidden(uintptr_t pc) {
    (void)pc;
    return false;
}
