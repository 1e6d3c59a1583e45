#include "signal_repeat.h"

#include "signal_timer.h"
#include "spprof/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS UINT64_C(5000000000)

static void (*handlers[NSIG])(int); /* CPython's handlers */
static _Atomic pid_t repeating;     /* the process that repeats a signal; 0: none */
static _Atomic uint64_t begin_ns;   /* 0: not set yet */

static void on_signal(int number);

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(SPPROF_CLOCK, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void begin(int number) {
    begin_ns = now_ns();
    sp_signal_timer_begin(number, on_signal);
}

/* Ends the process as soon as this handler returns. */
static void act_by_default(int number) {
    struct sigaction initial = {.sa_handler = SIG_DFL};
    sigaction(number, &initial, NULL);
    sp_signal_send_here(number);
}

static void on_signal(int number) {
    int saved_errno = errno;
    pid_t process = getpid();
    handlers[number](number);
    if (atomic_exchange(&repeating, process) != process)
        begin(number);
    else if (begin_ns != 0 && now_ns() - begin_ns > PATIENCE_NS)
        act_by_default(number);
    errno = saved_errno;
}

static bool repeat(int number) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) != 0) return false;
    if (action.sa_handler == on_signal) return true;
    handlers[number] = action.sa_handler;
    action.sa_handler = on_signal;
    return sigaction(number, &action, NULL) == 0;
}

PyObject *sp_signal_repeat_with_gil(PyObject *module, PyObject *argument) {
    (void)module;
    long number = PyLong_AsLong(argument);
    if (number == -1 && PyErr_Occurred()) return NULL;
    bool valid = number > 0 && number < NSIG;
    if (!valid) errno = EINVAL;
    if (!valid || !repeat((int)number)) return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

PyObject *sp_signal_has_default_action_with_gil(PyObject *module, PyObject *argument) {
    (void)module;
    struct sigaction action;
    long number = PyLong_AsLong(argument);
    if (number == -1 && PyErr_Occurred()) return NULL;
    if (sigaction((int)number, NULL, &action) != 0) return PyErr_SetFromErrno(PyExc_OSError);
    return PyBool_FromLong(action.sa_handler == SIG_DFL);
}

PyObject *sp_signal_handled_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    if (repeating == getpid()) {
        sp_signal_timer_end();
        begin_ns = 0;
        repeating = 0;
    }
    Py_RETURN_NONE;
}
