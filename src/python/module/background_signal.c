#include "background_signal.h"

#include "background.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

/* Indexed by signal number. The handler sets them, on any thread. */
static _Atomic bool marks[NSIG];
/* The process that took the signal, or 0 if none did. Accessed only with the GIL held. */
static pid_t takers[NSIG];

static void on_signal(int number) {
    int saved_errno = errno;
    if (!atomic_exchange(&marks[number], true)) sp_background_wake();
    errno = saved_errno;
}

/* Return the signal's number, or 0 with an exception set if the argument is not one. */
static int number_of(PyObject *argument) {
    long number = PyLong_AsLong(argument);
    if (number == -1 && PyErr_Occurred()) return 0;
    if (number > 0 && number < NSIG) return (int)number;
    errno = EINVAL;
    PyErr_SetFromErrno(PyExc_OSError);
    return 0;
}

PyObject *sp_background_signal_take_with_gil(PyObject *module, PyObject *argument) {
    (void)module;
    int number = number_of(argument);
    struct sigaction before, ours = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
    if (!number) return NULL;
    if (sigaction(number, NULL, &before) != 0) return PyErr_SetFromErrno(PyExc_OSError);
    bool is_inherited = before.sa_handler == on_signal && takers[number] != getpid();
    if (before.sa_handler != SIG_DFL && !is_inherited) Py_RETURN_FALSE;
    takers[number] = getpid();
    atomic_store(&marks[number], false);
    sigemptyset(&ours.sa_mask);
    if (sigaction(number, &ours, NULL) != 0) return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_TRUE;
}

PyObject *sp_background_signal_give_back_with_gil(PyObject *module, PyObject *argument) {
    (void)module;
    int number = number_of(argument);
    struct sigaction now, initial = {.sa_handler = SIG_DFL};
    if (!number) return NULL;
    bool is_taken = takers[number] == getpid() && sigaction(number, NULL, &now) == 0 && now.sa_handler == on_signal;
    if (is_taken) sigaction(number, &initial, NULL);
    takers[number] = 0;
    Py_RETURN_NONE;
}

PyObject *sp_background_signal_came_with_gil(PyObject *module, PyObject *argument) {
    (void)module;
    int number = number_of(argument);
    return number ? PyBool_FromLong(atomic_load(&marks[number])) : NULL;
}

PyObject *sp_background_signal_answer_with_gil(PyObject *module, PyObject *argument) {
    (void)module;
    int number = number_of(argument);
    if (!number) return NULL;
    atomic_store(&marks[number], false);
    Py_RETURN_NONE;
}
