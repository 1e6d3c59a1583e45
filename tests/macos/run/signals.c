/* signals.c: Apple's signals, on Linux.
 *
 *   Linux's signal ──► on_signal: siginfo_t, ucontext_t ──► Apple's, on the same stack ──► the program's handler
 *                      registers that the handler changed ◄──────────────────────────────────────┘
 *
 * Apple's numbers differ; SIGEMT and SIGINFO, which Linux lacks, are SIGSTKFLT and SIGPWR. The frame of the handler is
 * ours, so a program that unwinds must begin at the context's registers.
 */
#include "apple.h"
#include "errors.h"
#include "threads.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#define APPLE_SIGNALS 32

/* Linux's number of each of Apple's. */
static const int linux_numbers[APPLE_SIGNALS] = {
    0,       SIGHUP, SIGINT,  SIGQUIT, SIGILL,    SIGTRAP, SIGABRT,  SIGSTKFLT, SIGFPE,  SIGKILL, SIGBUS,
    SIGSEGV, SIGSYS, SIGPIPE, SIGALRM, SIGTERM,   SIGURG,  SIGSTOP,  SIGTSTP,   SIGCONT, SIGCHLD, SIGTTIN,
    SIGTTOU, SIGIO,  SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGPWR,    SIGUSR1, SIGUSR2};

static int linux_of(int apples) {
    return apples > 0 && apples < APPLE_SIGNALS ? linux_numbers[apples] : -1;
}

static int apple_of(int linux_number) {
    for (int i = 1; i < APPLE_SIGNALS; i++)
        if (linux_numbers[i] == linux_number) return i;
    return 0;
}

static sigset_t linux_mask(uint32_t apples) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 1; i < APPLE_SIGNALS; i++)
        if (apples >> (i - 1) & 1) sigaddset(&set, linux_numbers[i]);
    return set;
}

static uint32_t apple_mask(const sigset_t *set) {
    uint32_t mask = 0;
    for (int i = 1; i < APPLE_SIGNALS; i++)
        if (sigismember(set, linux_numbers[i]) == 1) mask |= 1u << (i - 1);
    return mask;
}

/* ---- Handlers ---- */

typedef void handler(int number, apple_siginfo *info, apple_ucontext *context);

static apple_sigaction actions[APPLE_SIGNALS];

/* Apple's register, and Linux's index of it. */
#define REGISTERS(X)                                                                                                   \
    X(rax, REG_RAX)                                                                                                    \
    X(rbx, REG_RBX)                                                                                                    \
    X(rcx, REG_RCX)                                                                                                    \
    X(rdx, REG_RDX)                                                                                                    \
    X(rdi, REG_RDI)                                                                                                    \
    X(rsi, REG_RSI)                                                                                                    \
    X(rbp, REG_RBP)                                                                                                    \
    X(rsp, REG_RSP)                                                                                                    \
    X(r8, REG_R8)                                                                                                      \
    X(r9, REG_R9)                                                                                                      \
    X(r10, REG_R10)                                                                                                    \
    X(r11, REG_R11)                                                                                                    \
    X(r12, REG_R12)                                                                                                    \
    X(r13, REG_R13)                                                                                                    \
    X(r14, REG_R14)                                                                                                    \
    X(r15, REG_R15)                                                                                                    \
    X(rip, REG_RIP)                                                                                                    \
    X(rflags, REG_EFL)

static void read_registers(apple_mcontext *to, const ucontext_t *from) {
#define X(name, index) to->registers.name = (uint64_t)from->uc_mcontext.gregs[index];
    REGISTERS(X)
#undef X
    to->trap = (uint16_t)from->uc_mcontext.gregs[REG_TRAPNO];
    to->error = (uint32_t)from->uc_mcontext.gregs[REG_ERR];
    to->fault_address = (uint64_t)from->uc_mcontext.gregs[REG_CR2];
    if (from->uc_mcontext.fpregs) memcpy(to->fxsave, from->uc_mcontext.fpregs, sizeof to->fxsave);
}

static void write_registers(ucontext_t *to, const apple_mcontext *from) {
#define X(name, index) to->uc_mcontext.gregs[index] = (greg_t)from->registers.name;
    REGISTERS(X)
#undef X
}

static int32_t apple_stack_flags(int flags) {
    return (flags & SS_ONSTACK ? APPLE_SS_ONSTACK : 0) | (flags & SS_DISABLE ? APPLE_SS_DISABLE : 0);
}

/* The kernel's context says SS_DISABLE or not, never SS_ONSTACK. */
static apple_stack stack_of(const ucontext_t *from, bool *is_on_it) {
    uintptr_t sp = (uintptr_t)__builtin_frame_address(0), start = (uintptr_t)from->uc_stack.ss_sp;
    *is_on_it = !(from->uc_stack.ss_flags & SS_DISABLE) && sp - start < from->uc_stack.ss_size;
    int32_t flags = *is_on_it ? APPLE_SS_ONSTACK : apple_stack_flags(from->uc_stack.ss_flags);
    return (apple_stack){from->uc_stack.ss_sp, from->uc_stack.ss_size, flags};
}

static void on_signal(int linux_number, siginfo_t *info, void *data) {
    int saved = errno, number = apple_of(linux_number);
    ucontext_t *context = data;
    apple_mcontext registers = {0};
    bool is_on_signal_stack;
    read_registers(&registers, context);
    apple_ucontext apples = {.mask = apple_mask(&context->uc_sigmask),
                             .stack = stack_of(context, &is_on_signal_stack),
                             .mcontext_bytes = sizeof registers,
                             .mcontext = &registers};
    apples.on_stack = is_on_signal_stack;
    apple_siginfo apples_info = {.number = number,
                                 .code = info->si_code > 0 ? info->si_code : 0x10001 /* SI_USER */,
                                 .pid = info->si_code <= 0 ? info->si_pid : 0,
                                 .uid = info->si_code <= 0 ? info->si_uid : 0,
                                 .address = info->si_code > 0 ? info->si_addr : NULL};
    ((handler *)actions[number].handler)(number, &apples_info, &apples);
    write_registers(context, &registers);
    errno = saved;
}

static int linux_flags(int flags) {
    int result = SA_SIGINFO;
    if (flags & APPLE_SA_ONSTACK) result |= SA_ONSTACK;
    if (flags & APPLE_SA_RESTART) result |= SA_RESTART;
    if (flags & APPLE_SA_RESETHAND) result |= (int)SA_RESETHAND;
    if (flags & APPLE_SA_NODEFER) result |= SA_NODEFER;
    if (flags & APPLE_SA_NOCLDSTOP) result |= SA_NOCLDSTOP;
    if (flags & APPLE_SA_NOCLDWAIT) result |= SA_NOCLDWAIT;
    return result;
}

int mac_sigaction(int number, const apple_sigaction *new_action, apple_sigaction *old_action) {
    int linux_number = linux_of(number);
    if (linux_number < 0 || linux_number == SIGKILL || linux_number == SIGSTOP) {
        errno = EINVAL;
        return -1;
    }
    apple_sigaction before = actions[number];
    if (new_action) {
        struct sigaction ours = {.sa_flags = linux_flags(new_action->flags), .sa_mask = linux_mask(new_action->mask)};
        bool is_handler = new_action->handler > 1; /* SIG_DFL 0, SIG_IGN 1 */
        if (is_handler)
            ours.sa_sigaction = on_signal;
        else
            ours.sa_handler = new_action->handler == 1 ? SIG_IGN : SIG_DFL;
        actions[number] = *new_action; /* before the handler can run */
        if (sigaction(linux_number, &ours, NULL) != 0) return -1;
    }
    if (old_action) *old_action = before;
    return 0;
}

uint64_t mac_signal(int number, uint64_t new_handler) {
    apple_sigaction before, action = {.handler = new_handler, .flags = APPLE_SA_RESTART};
    return mac_sigaction(number, &action, &before) == 0 ? before.handler : UINT64_MAX;
}

/* ---- Masks and stacks ---- */

/* Apple's kernel copies the set before it looks at `how`. */
static bool copy_set(const uint32_t *set, uint32_t *copy) {
    struct iovec here = {copy, sizeof *copy}, there = {(void *)set, sizeof *set};
    return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)sizeof *copy;
}

int mac_pthread_sigmask(int how, const uint32_t *set, uint32_t *before) {
    static const int ours[] = {-1, SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK};
    int saved = errno;
    uint32_t wanted = 0;
    bool is_readable = !set || copy_set(set, &wanted);
    errno = saved;
    if (!is_readable) return APPLE_EFAULT;
    if (set && (how < APPLE_SIG_BLOCK || how > APPLE_SIG_SETMASK)) return APPLE_EINVAL;
    sigset_t new_set = linux_mask(wanted), old_set;
    int error = pthread_sigmask(set ? ours[how] : SIG_BLOCK, set ? &new_set : NULL, &old_set);
    if (before) *before = apple_mask(&old_set);
    return error;
}

int mac_sigprocmask(int how, const uint32_t *set, uint32_t *before) {
    errno = mac_pthread_sigmask(how, set, before);
    return errno == 0 ? 0 : -1;
}

int mac_sigpending(uint32_t *set) {
    sigset_t pending;
    int result = sigpending(&pending);
    *set = apple_mask(&pending);
    return result;
}

int mac_sigemptyset(uint32_t *set) {
    *set = 0;
    return 0;
}

int mac_sigfillset(uint32_t *set) {
    *set = UINT32_MAX;
    return 0;
}

int mac_sigaddset(uint32_t *set, int number) {
    *set |= 1u << (number - 1);
    return 0;
}

int mac_sigdelset(uint32_t *set, int number) {
    *set &= ~(1u << (number - 1));
    return 0;
}

int mac_sigismember(const uint32_t *set, int number) {
    return *set >> (number - 1) & 1;
}

int mac_sigaltstack(const apple_stack *new_stack, apple_stack *old_stack) {
    stack_t ours = {0}, before;
    if (new_stack) {
        ours.ss_sp = new_stack->address;
        ours.ss_size = new_stack->size;
        ours.ss_flags = new_stack->flags & APPLE_SS_DISABLE ? SS_DISABLE : 0;
    }
    if (sigaltstack(new_stack ? &ours : NULL, &before) != 0) return -1;
    if (old_stack) *old_stack = (apple_stack){before.ss_sp, before.ss_size, apple_stack_flags(before.ss_flags)};
    return 0;
}

/* ---- Sending ---- */

int mac___pthread_kill(uint32_t port, int number) {
    int saved = errno, linux_number = number == 0 ? 0 : linux_of(number);
    int64_t result = syscall(SYS_tgkill, getpid(), thread_of_port(port), linux_number);
    if (result == 0) errno = saved;
    return (int)result;
}

int mac_pthread_kill(pthread_t thread, int number) {
    return error_to_apple(pthread_kill(thread, number == 0 ? 0 : linux_of(number)));
}

int mac_kill(int process, int number) {
    return kill(process, number == 0 ? 0 : linux_of(number));
}

int mac_raise(int number) {
    return raise(linux_of(number));
}
