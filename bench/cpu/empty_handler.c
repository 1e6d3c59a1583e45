/* empty_handler.c: a timer on this thread's CPU clock whose signal does nothing: what the kernel and the processor take for a
 * tick, which no profiler by signals can go below. */
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int timer;

static void do_nothing(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
}

bool empty_handler_begin(long interval_ms) {
    struct sigaction action = {.sa_sigaction = do_nothing, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMAX - 3};
    struct timespec interval = {.tv_sec = interval_ms / 1000, .tv_nsec = interval_ms % 1000 * 1000000};
    struct itimerspec times = {.it_value = interval, .it_interval = interval};
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    return sigaction(SIGRTMAX - 3, &action, NULL) == 0 &&
           syscall(SYS_timer_create, CLOCK_THREAD_CPUTIME_ID, &event, &timer) == 0 &&
           syscall(SYS_timer_settime, timer, 0, &times, NULL) == 0;
}

void empty_handler_end(void) {
    syscall(SYS_timer_delete, timer);
}
