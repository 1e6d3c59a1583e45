#include "tick.h"

#include "thread_clock_linux.h"
#include "tick_signal.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* Raw system calls throughout: libc's timer_create allocates. */

static _Atomic int chosen_signal;
static sp_tick_handler *tick_handler; /* set before the signal is chosen */

int sp_tick_signal(void) {
    return atomic_load_explicit(&chosen_signal, memory_order_acquire);
}

/* ---- The handler ---- */

static size_t room_on_alternate_stack(const ucontext_t *context) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), low = (uintptr_t)context->uc_stack.ss_sp;
    bool is_on_it = here >= low && here - low < context->uc_stack.ss_size;
    return is_on_it ? here - low : SIZE_MAX;
}

/* ---- The room that a signal needs on a stack ---- */

#define HANDLER_BYTES ((size_t)1024) /* what the handler uses until it checks its room: about 400 bytes */
#define RED_ZONE ((size_t)128)       /* on x86-64: left free by the kernel, below the interrupted stack pointer */

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

static _Atomic size_t frame_bytes; /* 0: not measured */
static _Atomic bool measuring;

/* The frame's size with all registers that a program could use. If the kernel does not report it: an upper bound for
 * aarch64 without SVE and x86-64 with AVX-512. */
static size_t largest_frame_bytes(void) {
    size_t told = getauxval(AT_MINSIGSTKSZ);
    return told > 5120 ? told : 5120;
}

size_t sp_tick_stack_bytes(void) {
    size_t frame = atomic_load_explicit(&frame_bytes, memory_order_relaxed);
    return (frame != 0 ? frame : largest_frame_bytes()) + HANDLER_BYTES;
}

/* Called in the handler, on the interrupted stack. */
static void measure(const ucontext_t *context) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), sp = sp_tick_stack_pointer(context);
    if (sp > here && sp - here <= 2 * largest_frame_bytes() + HANDLER_BYTES)
        atomic_store_explicit(&frame_bytes, sp - here + RED_ZONE, memory_order_relaxed);
}

/* The sender was not us and did not know of any handler, so the default action must end the process. */
static void act_as_if_unhandled(int number) {
    struct sigaction initial = {.sa_handler = SIG_DFL};
    sigset_t only;
    sigaction(number, &initial, NULL);
    syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), number);
    sigemptyset(&only);
    sigaddset(&only, number);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
}

static void on_signal(int number, siginfo_t *info, void *context) {
    int saved_errno = errno;
    if (atomic_load_explicit(&measuring, memory_order_relaxed)) {
        measure(context);
    } else if (info->si_code == SI_TIMER) {
        sp_interrupted interrupted = {
            .context = context, .sp = sp_tick_stack_pointer(context), .stack_room = room_on_alternate_stack(context)};
        tick_handler((uint64_t)(uintptr_t)info->si_value.sival_ptr, &interrupted);
    } else {
        act_as_if_unhandled(number);
    }
    errno = saved_errno;
}

/* ---- The signal ---- */

bool sp_tick_is_installed(void) {
    int number = sp_tick_signal();
    return number != 0 && sp_tick_signal_has(number, on_signal);
}

/* Send this thread a signal that means nothing to the handler. It arrives on the thread's own stack, about which
 * more is known. Raw system calls are used, since libc's sigaltstack may be hooked. */
static void measure_frame(int number) {
    stack_t before, none = {.ss_flags = SS_DISABLE};
    sigset_t only, mask;
    if (syscall(SYS_sigaltstack, NULL, &before) != 0 || (before.ss_flags & SS_ONSTACK)) return;
    if (!(before.ss_flags & SS_DISABLE)) syscall(SYS_sigaltstack, &none, NULL);
    sigemptyset(&only);
    sigaddset(&only, number);
    sigprocmask(SIG_UNBLOCK, &only, &mask);
    atomic_store(&measuring, true);
    sp_tick_send((uint32_t)syscall(SYS_gettid), 0);
    atomic_store(&measuring, false);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (!(before.ss_flags & SS_DISABLE)) syscall(SYS_sigaltstack, &before, NULL);
}

/* Search from the top down: programs count their own signals from SIGRTMIN up. */
bool sp_tick_install(sp_tick_handler *handler) {
    if (sp_tick_is_installed()) return true;
    tick_handler = handler;
    atomic_store(&chosen_signal, 0);
    for (int number = SIGRTMAX; number >= SIGRTMIN; number--) {
        if (!sp_tick_signal_is_unused(number) || !sp_tick_signal_install(number, on_signal)) continue;
        atomic_store_explicit(&chosen_signal, number, memory_order_release);
        measure_frame(number);
        return true;
    }
    return false;
}

/* ---- Timers ---- */

static int create(clockid_t clock, struct sigevent *event, uint64_t cookie) {
    int timer, saved_errno = errno;
    event->sigev_signo = sp_tick_signal();
    event->sigev_value.sival_ptr = (void *)(uintptr_t)cookie;
    if (syscall(SYS_timer_create, clock, event, &timer) != 0) timer = SP_TICK_NONE;
    errno = saved_errno;
    return timer;
}

int sp_tick_create(uint32_t thread_id, sp_tick_clock clock, uint64_t cookie) {
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID};
    event._sigev_un._tid = (pid_t)thread_id;
    return create(clock == SP_TICK_CPU ? sp_thread_clock_id(thread_id) : CLOCK_MONOTONIC, &event, cookie);
}

int sp_tick_create_for_process(sp_tick_clock clock, uint32_t thread_id, uint64_t cookie) {
    struct sigevent event = {.sigev_notify = thread_id == 0 ? SIGEV_SIGNAL : SIGEV_THREAD_ID};
    if (thread_id != 0) event._sigev_un._tid = (pid_t)thread_id;
    return create(clock == SP_TICK_CPU ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &event, cookie);
}

/* Parses a release such as "6.18.44-generic". A release that cannot be parsed counts as old. */
static bool is_release_since(const char *release, unsigned major, unsigned minor) {
    unsigned found[2] = {0};
    for (int i = 0; i < 2; i++) {
        for (; *release >= '0' && *release <= '9' && found[i] < 10000; release++)
            found[i] = found[i] * 10 + (unsigned)(*release - '0');
        if (*release == '.') release++;
    }
    return found[0] > major || (found[0] == major && found[1] >= minor);
}

bool sp_tick_comes_to_running_thread(void) {
    struct utsname system;
    return uname(&system) == 0 && is_release_since(system.release, 6, 4);
}

static struct timespec timespec_of(uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
}

bool sp_tick_arm(int timer, uint64_t first_ns, uint64_t interval_ns) {
    int saved_errno = errno;
    struct itimerspec times = {.it_value = timespec_of(first_ns), .it_interval = timespec_of(interval_ns)};
    bool armed = syscall(SYS_timer_settime, timer, 0, &times, NULL) == 0;
    errno = saved_errno;
    return armed;
}

void sp_tick_delete(int timer) {
    int saved_errno = errno;
    if (syscall(SYS_timer_delete, timer) != 0) sp_tick_arm(timer, 0, 0);
    errno = saved_errno;
}

bool sp_tick_send(uint32_t thread_id, uint64_t cookie) {
    int saved_errno = errno;
    siginfo_t info = {.si_signo = sp_tick_signal(), .si_code = SI_TIMER};
    info.si_value.sival_ptr = (void *)(uintptr_t)cookie;
    bool sent = syscall(SYS_rt_tgsigqueueinfo, getpid(), (pid_t)thread_id, sp_tick_signal(), &info) == 0;
    errno = saved_errno;
    return sent;
}

bool sp_tick_is_refused(uint32_t thread_id) {
    (void)thread_id;
    return false;
}
