#include "endings.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How many calls deep a callback may go when the program is at the recursion limit. */
#define CALLS_KEPT 500
#define STACK_BYTES (256 * 1024)

typedef PyObject *(*Plain)(PyObject *, PyObject *);
typedef PyObject *(*Fast)(PyObject *, PyObject *const *, Py_ssize_t);
typedef PyObject *(*FastWithNames)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

enum ending { EXIT, ABORT, EXECV, EXECVE, SPAWN, SPAWNP, FORK_EXEC, FORK_EXEC_FAST, ENDINGS };

/* fork_exec has had a different calling convention since 3.12. */
static const char *const names[ENDINGS] = {"_exit",       "abort",        "execv",     "execve",
                                           "posix_spawn", "posix_spawnp", "fork_exec", "fork_exec"};
static const char *const keys[ENDINGS] = {"spprof._exit",     "spprof.abort",       "spprof.execv",
                                          "spprof.execve",    "spprof.posix_spawn", "spprof.posix_spawnp",
                                          "spprof.fork_exec", "spprof.fork_exec"};

/* Written once, with the main GIL. The originals are C functions, which are the same in every interpreter. */
static PyCFunction originals[ENDINGS];
static PyMethodDef definitions[ENDINGS];

/* ---- The callback ---- */

/* Return a new reference, or NULL without an exception if there is no callback. */
static PyObject *callback_of(enum ending ending) {
    PyObject *kept = PyInterpreterState_GetDict(PyInterpreterState_Get());
    PyObject *callback = kept ? PyDict_GetItemString(kept, keys[ending]) : NULL;
    Py_XINCREF(callback);
    return callback;
}

static bool keep_callback(enum ending ending, PyObject *callback) {
    PyObject *kept = PyInterpreterState_GetDict(PyInterpreterState_Get());
    if (!kept) PyErr_NoMemory();
    return kept && PyDict_SetItemString(kept, keys[ending], callback) == 0;
}

/* Call the callback, whose exceptions must not reach the program. `one` and `other` may be NULL for no argument. */
static void call_first(enum ending ending, PyObject *one, PyObject *other) {
    PyObject *callback = callback_of(ending);
    if (!callback) return;
    int limit = Py_GetRecursionLimit();
    Py_SetRecursionLimit(limit > INT_MAX - CALLS_KEPT ? limit : limit + CALLS_KEPT);
    PyObject *result = PyObject_CallFunctionObjArgs(callback, one, other, NULL);
    if (!result) PyErr_Clear();
    Py_XDECREF(result);
    Py_SetRecursionLimit(limit);
    Py_DECREF(callback);
}

/* ---- The wrappers ---- */

/* Return the status that the original would read, or NULL without an exception if the original would raise. */
static PyObject *status_of(PyObject *const *arguments, Py_ssize_t count, PyObject *keywords) {
    Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    if (count + named != 1) return NULL;
    if (named && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(keywords, 0), "status") != 0) return NULL;
    PyObject *status = PyNumber_Index(arguments[0]);
    int overflow = 0;
    long value = status ? PyLong_AsLongAndOverflow(status, &overflow) : 0;
    if (status && (overflow || value < INT_MIN || value > INT_MAX)) Py_CLEAR(status);
    PyErr_Clear();
    return status;
}

static PyObject *exit_(PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *keywords) {
    FastWithNames original = (FastWithNames)(void (*)(void))originals[EXIT];
    PyObject *status = status_of(arguments, count, keywords);
    if (!status) return original(self, arguments, count, keywords);
    call_first(EXIT, status, NULL);
    return original(self, &status, 1, NULL);
}

static PyObject *abort_(PyObject *self, PyObject *unused) {
    call_first(ABORT, NULL, NULL);
    return ((Plain)originals[ABORT])(self, unused);
}

static PyObject *execv_(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    if (count == 2) call_first(EXECV, arguments[0], arguments[1]);
    return ((Fast)(void (*)(void))originals[EXECV])(self, arguments, count);
}

static PyObject *execve_(PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *keywords) {
    if (count == 3) call_first(EXECVE, arguments[0], arguments[1]);
    return ((FastWithNames)(void (*)(void))originals[EXECVE])(self, arguments, count, keywords);
}

static PyObject *spawn(PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *keywords) {
    if (count >= 2) call_first(SPAWN, arguments[0], arguments[1]);
    return ((FastWithNames)(void (*)(void))originals[SPAWN])(self, arguments, count, keywords);
}

static PyObject *spawnp(PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *keywords) {
    if (count >= 2) call_first(SPAWNP, arguments[0], arguments[1]);
    return ((FastWithNames)(void (*)(void))originals[SPAWNP])(self, arguments, count, keywords);
}

/* fork_exec's first two arguments are the words of the command and the paths to try. */
static PyObject *fork_exec(PyObject *self, PyObject *arguments) {
    if (PyTuple_GET_SIZE(arguments) >= 2)
        call_first(FORK_EXEC, PyTuple_GET_ITEM(arguments, 1), PyTuple_GET_ITEM(arguments, 0));
    return ((Plain)originals[FORK_EXEC])(self, arguments);
}

static PyObject *fork_exec_fast(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    if (count >= 2) call_first(FORK_EXEC_FAST, arguments[1], arguments[0]);
    return ((Fast)(void (*)(void))originals[FORK_EXEC_FAST])(self, arguments, count);
}

static const struct {
    int flags;
    PyCFunction function;
} wrappers[ENDINGS] = {
    {METH_FASTCALL | METH_KEYWORDS, (PyCFunction)(void (*)(void))exit_},
    {METH_NOARGS, abort_},
    {METH_FASTCALL, (PyCFunction)(void (*)(void))execv_},
    {METH_FASTCALL | METH_KEYWORDS, (PyCFunction)(void (*)(void))execve_},
    {METH_FASTCALL | METH_KEYWORDS, (PyCFunction)(void (*)(void))spawn},
    {METH_FASTCALL | METH_KEYWORDS, (PyCFunction)(void (*)(void))spawnp},
    {METH_VARARGS, fork_exec},
    {METH_FASTCALL, (PyCFunction)(void (*)(void))fork_exec_fast},
};

/* Return ENDINGS if the function is not one of the known ones or has another calling convention. */
static enum ending ending_of(PyObject *function) {
    if (!PyCFunction_CheckExact(function)) return ENDINGS;
    const PyMethodDef *definition = ((PyCFunctionObject *)function)->m_ml;
    for (enum ending ending = EXIT; ending < ENDINGS; ending++)
        if (strcmp(definition->ml_name, names[ending]) == 0 && definition->ml_flags == wrappers[ending].flags)
            return ending;
    return ENDINGS;
}

PyObject *sp_endings_call_before_with_gil(PyObject *module, PyObject *arguments) {
    (void)module;
    PyObject *function;
    PyObject *callback;
    if (!PyArg_ParseTuple(arguments, "OO:call_before", &function, &callback)) return NULL;
    enum ending ending = ending_of(function);
    if (ending == ENDINGS) Py_RETURN_NONE;
    PyCFunctionObject *original = (PyCFunctionObject *)function;
    if (original->m_ml == &definitions[ending]) Py_RETURN_NONE; /* already our wrapper */
    if (!keep_callback(ending, callback)) return NULL;
    originals[ending] = original->m_ml->ml_meth;
    definitions[ending] = *original->m_ml;
    definitions[ending].ml_meth = wrappers[ending].function;
    return PyCFunction_NewEx(&definitions[ending], original->m_self, original->m_module);
}

/* ---- Ending after a timeout ---- */

/* Written once per process, before the thread that ends it starts. */
static struct {
    pid_t process;
    struct timespec after;
    int status;
    int signal;
} latest;

static void end_by_signal(int number) {
    struct sigaction initial = {.sa_handler = SIG_DFL};
    sigset_t only;
    sigaction(number, &initial, NULL);
    sigemptyset(&only);
    sigaddset(&only, number);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    raise(number);
}

static void *end_later(void *unused) {
    (void)unused;
    while (nanosleep(&latest.after, &latest.after) != 0) continue;
    if (latest.signal != 0) end_by_signal(latest.signal);
    _exit(latest.status);
}

/* The thread blocks every signal, so that it receives none that are meant for the program. */
static bool start_thread(void) {
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0) return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&thread, &attributes, end_later, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

PyObject *sp_endings_end_within_with_gil(PyObject *module, PyObject *arguments) {
    (void)module;
    double seconds;
    int status, number;
    if (!PyArg_ParseTuple(arguments, "dii:end_within", &seconds, &status, &number)) return NULL;
    if (!(seconds >= 0 && seconds < 1e6) || number < 0 || number >= NSIG) {
        PyErr_SetString(PyExc_ValueError, "the time or the signal number is out of range");
        return NULL;
    }
    if (latest.process == getpid()) Py_RETURN_TRUE;
    latest.after =
        (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    latest.status = status;
    latest.signal = number;
    bool started = start_thread();
    if (started) latest.process = getpid();
    return PyBool_FromLong(started);
}
