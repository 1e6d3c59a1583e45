#include "signal_timer.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/time.h>
#include <unistd.h>

#define NS_OF_US 1000

static _Atomic pid_t owner; /* the process whose timer runs; 0: none */
static _Atomic int repeated;
static void (*_Atomic handler)(int number);

/* An alarm that another thread receives while the timer ends is ignored. A child forked in the meantime has this
 * handler, but no timer: the alarm is its own. */
static void on_alarm(int number) {
    int saved_errno = errno;
    pid_t whose = owner;
    if (whose == getpid()) {
        handler(repeated);
    } else if (whose != 0) {
        signal(number, SIG_DFL);
        kill(getpid(), number);
    }
    errno = saved_errno;
}

/* Return whether the program uses neither the interval timer nor its signal. */
static bool is_free(void) {
    struct sigaction action;
    struct itimerval running;
    if (sigaction(SIGALRM, NULL, &action) != 0 || getitimer(ITIMER_REAL, &running) != 0) return false;
    return (action.sa_handler == SIG_DFL || action.sa_handler == on_alarm) && !timerisset(&running.it_value);
}

void sp_signal_timer_begin(int number, void (*on_signal)(int number)) {
    struct sigaction ours = {.sa_handler = on_alarm, .sa_flags = SA_ONSTACK};
    struct timeval every = {.tv_usec = SP_SIGNAL_TIMER_NS / NS_OF_US};
    struct itimerval times = {.it_value = every, .it_interval = every};
    if (!is_free()) return;
    repeated = number;
    handler = on_signal;
    owner = getpid();
    sigemptyset(&ours.sa_mask);
    sigaddset(&ours.sa_mask, number);
    if (sigaction(SIGALRM, &ours, NULL) == 0) setitimer(ITIMER_REAL, &times, NULL);
}

/* A last alarm may be pending in this thread, which may have blocked it: to ignore the signal discards it. */
void sp_signal_timer_end(void) {
    struct itimerval none = {.it_interval = {.tv_sec = 0}};
    struct sigaction action;
    if (owner != getpid()) return;
    setitimer(ITIMER_REAL, &none, NULL);
    bool is_ours = sigaction(SIGALRM, NULL, &action) == 0 && action.sa_handler == on_alarm;
    if (is_ours) signal(SIGALRM, SIG_IGN);
    if (is_ours) signal(SIGALRM, SIG_DFL);
    owner = 0;
}

void sp_signal_send_here(int number) {
    kill(getpid(), number);
}
