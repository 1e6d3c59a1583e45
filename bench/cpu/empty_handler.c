/* empty_handler.c: a timer on this thread's CPU clock whose signal handler only records the time. It costs what the
 * kernel and the processor need for a tick: no signal-based profiler can be cheaper.
 */
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TICKS_MAX 65536

static __thread int timer;
static __thread size_t count;
static __thread uint64_t ticks[TICKS_MAX];

static void note(int number, siginfo_t *info, void *context) {
    struct timespec now;
    (void)number, (void)info, (void)context;
    clock_gettime(CLOCK_REALTIME, &now);
    ticks[count % TICKS_MAX] = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    count++;
}

bool empty_handler_begin(long interval_ms) {
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMAX - 3};
    struct timespec interval = {.tv_sec = interval_ms / 1000, .tv_nsec = interval_ms % 1000 * 1000000};
    struct itimerspec times = {.it_value = interval, .it_interval = interval};
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    count = 0;
    return sigaction(SIGRTMAX - 3, &action, NULL) == 0 &&
           syscall(SYS_timer_create, CLOCK_THREAD_CPUTIME_ID, &event, &timer) == 0 &&
           syscall(SYS_timer_settime, timer, 0, &times, NULL) == 0;
}

void empty_handler_end(void) {
    syscall(SYS_timer_delete, timer);
}

/* Returns the number of this thread's ticks, at most TICKS_MAX. */
size_t empty_handler_count(void) {
    return count < TICKS_MAX ? count : TICKS_MAX;
}

uint64_t empty_handler_tick(size_t number) {
    return ticks[number];
}
