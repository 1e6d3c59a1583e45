#include "background_refusal.h"

#include "background.h"
#include "spprof.h"

#include <stdatomic.h>
#include <stdbool.h>

static _Atomic bool is_awaited;
static _Atomic bool came;

/* Runs on the allocating thread. */
static void on_refusal(void) {
    if (!atomic_load(&is_awaited) || !atomic_exchange(&is_awaited, false)) return;
    atomic_store(&came, true);
    sp_background_wake();
}

PyObject *sp_background_refusal_follow_with_gil(PyObject *module, PyObject *argument) {
    (void)module;
    int follows = PyObject_IsTrue(argument);
    if (follows < 0) return NULL;
    atomic_store(&came, false);
    atomic_store(&is_awaited, follows);
    spprof_call_when_refused(on_refusal);
    Py_RETURN_NONE;
}

PyObject *sp_background_refusal_came_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyBool_FromLong(atomic_load(&came));
}
