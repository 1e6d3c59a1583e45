#include "background.h"

#include "own_thread.h"
#include "spprof/clock.h"
#include "word_wait.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#define NS_OF_SECOND 1000000000
#define LONGEST_SECONDS 1e9

/*             start ┌─────────────── start, before the thread has seen that it must stop
 *   NONE ────────► RUNNING ──stop──► STOPPING
 *    ▲               │ work() is over   │ seen by the thread
 *    │               ▼                  ▼
 *    └─ JOINING ◄── ENDED ◄─────────────┘
 */
enum state { NONE, RUNNING, STOPPING, ENDED, JOINING };
static _Atomic uint32_t state;

/* Accessed only with the GIL held. */
static struct {
    pid_t process; /* the process that started the thread: a forked child does not have it */
    sp_own_thread thread;
    PyObject *work;
} background;
static _Atomic uint32_t wakes; /* a counter, so that the word waited for changes with each wake */

/* ---- Waiting ---- */

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(SPPROF_CLOCK, &now);
    return (uint64_t)now.tv_sec * NS_OF_SECOND + (uint64_t)now.tv_nsec;
}

static struct timespec moment_after(double seconds) {
    if (!(seconds > 0)) seconds = 0;
    if (seconds > LONGEST_SECONDS) seconds = LONGEST_SECONDS;
    uint64_t at = now_ns() + (uint64_t)(seconds * NS_OF_SECOND);
    return (struct timespec){.tv_sec = (time_t)(at / NS_OF_SECOND), .tv_nsec = (long)(at % NS_OF_SECOND)};
}

/* Sleep until `until`; return early if there has been a wake since `seen`. */
static void sleep_until(const struct timespec *until, uint32_t seen) {
    while (atomic_load(&wakes) == seen && sp_word_wait(&wakes, seen, until)) continue;
}

/* ---- The thread ---- */

/* Run work(). Return whether it is to run again, after `seconds`. If not, the next holder of the GIL sees that the
 * thread has ended. */
static bool run_work(double *seconds) {
    PyGILState_STATE held = PyGILState_Ensure();
    PyObject *work = background.work;
    Py_INCREF(work); /* another may replace it in the meantime */
    PyObject *result = PyObject_CallNoArgs(work);
    bool goes_on = result && result != Py_None;
    *seconds = goes_on ? PyFloat_AsDouble(result) : 0;
    if (PyErr_Occurred()) goes_on = false;
    PyErr_Clear(); /* an error in work() must not reach the program */
    Py_XDECREF(result);
    Py_DECREF(work);
    if (!goes_on) atomic_store(&state, ENDED);
    PyGILState_Release(held);
    return goes_on;
}

static bool is_stopped(void) {
    uint32_t stopping = STOPPING;
    return atomic_compare_exchange_strong(&state, &stopping, ENDED);
}

static void *run(void *unused) {
    (void)unused;
    sp_own_thread_enter(&background.thread);
    while (!is_stopped()) {
        double seconds;
        uint32_t seen = atomic_load(&wakes);
        if (!run_work(&seconds)) break;
        struct timespec until = moment_after(seconds);
        sleep_until(&until, seen);
    }
    sp_word_wake_all(&state);
    return NULL;
}

/* ---- Ending it ---- */

/* Wait until the thread has gone; one of the waiting threads joins it. Return false if it is still there at `until`,
 * or if it keeps running. */
static bool see_it_gone(const struct timespec *until) {
    for (;;) {
        uint32_t now = atomic_load(&state);
        if (now == NONE) return true;
        if (now == RUNNING) return false;
        if (now == ENDED) {
            if (!atomic_compare_exchange_strong(&state, &now, JOINING)) continue;
            sp_own_thread_join(&background.thread);
            atomic_store(&state, NONE);
            sp_word_wake_all(&state);
            return true;
        }
        if (!sp_word_wait(&state, now, until)) return false;
    }
}

static bool see_it_gone_with_gil(double seconds) {
    struct timespec until = moment_after(seconds);
    int saved_errno = errno;
    bool is_gone;
    Py_BEGIN_ALLOW_THREADS
    is_gone = see_it_gone(&until);
    Py_END_ALLOW_THREADS
    errno = saved_errno;
    return is_gone;
}

/* ---- For Python ---- */

static bool is_here(void) {
    return background.process == getpid();
}

static bool is_this_thread(void) {
    return is_here() && atomic_load(&state) != NONE && pthread_equal(background.thread.handle, pthread_self());
}

PyObject *sp_background_start_with_gil(PyObject *module, PyObject *work) {
    (void)module;
    PyObject *before = background.work;
    Py_INCREF(work);
    background.work = work;
    Py_XDECREF(before);
    while (is_here() && atomic_load(&state) != NONE) {
        uint32_t stopping = STOPPING;
        if (atomic_load(&state) == RUNNING || atomic_compare_exchange_strong(&state, &stopping, RUNNING))
            return sp_background_wake_with_gil(NULL, NULL);
        see_it_gone_with_gil(LONGEST_SECONDS);
    }
    background.process = getpid();
    atomic_store(&state, RUNNING);
    bool started = sp_own_thread_start(&background.thread, run);
    if (!started) atomic_store(&state, NONE);
    return PyBool_FromLong(started);
}

void sp_background_wake(void) {
    int saved_errno = errno;
    atomic_fetch_add(&wakes, 1);
    sp_word_wake_all(&wakes);
    errno = saved_errno;
}

PyObject *sp_background_wake_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    sp_background_wake();
    Py_RETURN_TRUE;
}

PyObject *sp_background_stop_with_gil(PyObject *module, PyObject *argument) {
    (void)module;
    uint32_t running = RUNNING;
    double seconds = PyFloat_AsDouble(argument);
    if (PyErr_Occurred()) return NULL;
    if (!is_here()) Py_RETURN_TRUE;
    bool is_own = is_this_thread();
    atomic_compare_exchange_strong(&state, &running, STOPPING);
    sp_background_wake();
    return PyBool_FromLong(!is_own && see_it_gone_with_gil(seconds));
}

PyObject *sp_background_is_stopping_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyBool_FromLong(is_this_thread() && atomic_load(&state) == STOPPING);
}
