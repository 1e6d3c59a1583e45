#include "signal_timer.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define NO_TIMER (-1)

static _Atomic int timer;

/* The timer's signal goes to the main thread, whose id is the process id. */
void sp_signal_timer_begin(int number, void (*on_signal)(int number)) {
    (void)on_signal; /* the kernel calls it */
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = number};
    struct timespec every = {.tv_nsec = SP_SIGNAL_TIMER_NS};
    struct itimerspec times = {.it_value = every, .it_interval = every};
    int created = NO_TIMER;
    event.sigev_notify_thread_id = getpid();
    if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &created) != 0) created = NO_TIMER;
    timer = created;
    if (created != NO_TIMER) syscall(SYS_timer_settime, created, 0, &times, NULL);
}

void sp_signal_timer_end(void) {
    int ended = atomic_exchange(&timer, NO_TIMER);
    if (ended != NO_TIMER) syscall(SYS_timer_delete, ended);
}

void sp_signal_send_here(int number) {
    syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), number);
}
