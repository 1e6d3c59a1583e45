#include "cpu_module.h"

#include "convert.h"
#include "pycode.h"
#include "pyframes.h"
#include "pyinterpreter.h"
#include "pythreads.h"
#include "spprof.h"
#include "testing.h"
#include "wall_clock.h"

#include <string.h>

_Static_assert(sizeof(spprof_cpu_sample) == 2 * 8 + 2 * 4, "SP_CPU_SAMPLE_FORMAT");

/* The number of thread states created before the session began, and, once it has ended, of those created during it.
 * Written with the main GIL held, read with any GIL held. */
static _Atomic uint64_t python_threads_before, python_threads_met;

/* The interpreter that started the latest session. Accessed only with the main GIL held. */
static int64_t starter = -1;

/* ---- Lifecycle ---- */

static PyObject *raise_status(spprof_cpu_status status) {
    switch (status) {
    case SPPROF_CPU_ALREADY_ACTIVE:
        PyErr_SetString(PyExc_RuntimeError, "the CPU profiler is already running: call spprof.stop() first");
        return NULL;
    case SPPROF_CPU_NOT_ACTIVE:
        PyErr_SetString(PyExc_RuntimeError, "the CPU profiler is not running: call spprof.start() first");
        return NULL;
    case SPPROF_CPU_NO_SIGNAL:
        PyErr_SetString(PyExc_OSError,
                        "the CPU profiler needs a free real-time signal, but the program handles all of them: start "
                        "the profiler before it installs those handlers. If a sandbox refuses rt_sigaction, allow it");
        return NULL;
    case SPPROF_CPU_NO_TICKS:
        PyErr_SetString(
            PyExc_OSError,
            "the CPU profiler needs timers, or a thread that sends signals, but the system permits neither: "
            "allow timer_create and timer_settime in the sandbox's rules, or else rt_tgsigqueueinfo and "
            "another thread");
        return NULL;
    case SPPROF_CPU_NO_CLOCK:
        PyErr_SetString(PyExc_OSError,
                        "the CPU profiler cannot read CPU time: allow clock_gettime in the sandbox's rules, or use "
                        "mode=\"wall\"");
        return NULL;
    default:
        return PyErr_NoMemory();
    }
}

PyObject *sp_cpu_start_with_gil(PyObject *module, PyObject *arguments) {
    (void)module;
    unsigned long long interval_ns;
    const char *mode;
    int native;
    if (!PyArg_ParseTuple(arguments, "Ksp:cpu_start", &interval_ns, &mode, &native)) return NULL;
    if (!sp_pyinterpreter_controls_with_gil("CPU", "start")) return NULL;
    if (interval_ns == 0) return PyErr_Format(PyExc_ValueError, "the interval must be positive");
    spprof_cpu_plan plan = {.interval_ns = interval_ns, .wall = strcmp(mode, "wall") == 0, .native = native};
    if (spprof_cpu_is_active()) return raise_status(SPPROF_CPU_ALREADY_ACTIVE);
    sp_pycode_watch_with_gil();
    sp_pyframes_register();
    python_threads_before = sp_pythreads_made();
    starter = sp_pyinterpreter_id_with_gil();
    spprof_follow_signal_stacks();
    spprof_cpu_status status = spprof_cpu_start(&plan);
    if (status != SPPROF_CPU_OK) return raise_status(status);
    spprof_cpu_stats stats;
    spprof_cpu_get_stats(&stats);
    return PyUnicode_FromString(stats.by_thread ? "thread" : "timer");
}

static uint64_t python_threads(void) {
    return spprof_cpu_is_active() ? sp_pythreads_made() - python_threads_before : python_threads_met;
}

PyObject *sp_cpu_stop_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    if (!sp_pyinterpreter_controls_with_gil("CPU", "stop")) return NULL;
    uint64_t met = sp_pythreads_made() - python_threads_before;
    spprof_cpu_status status = spprof_cpu_stop();
    if (status != SPPROF_CPU_OK) return raise_status(status);
    python_threads_met = met;
    Py_RETURN_NONE;
}

PyObject *sp_cpu_is_own_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyBool_FromLong(sp_pyinterpreter_has_main_gil() && starter == sp_pyinterpreter_id_with_gil());
}

PyObject *sp_cpu_is_active_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyBool_FromLong(spprof_cpu_is_active());
}

/* ---- Counters ---- */

static PyObject *convert_drops(const spprof_cpu_stats *stats) {
    typedef unsigned long long wide;
    return Py_BuildValue("{"
#define X(constant, name, meaning) "sK"
                         SPPROF_CPU_DROP_REASONS(X)
#undef X
                             "}"
#define X(constant, name, meaning) , name, (wide)stats->dropped[SPPROF_CPU_DROP_##constant]
                         SPPROF_CPU_DROP_REASONS(X)
#undef X
    );
}

PyObject *sp_cpu_stats_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    typedef unsigned long long wide;
    spprof_cpu_stats stats;
    spprof_cpu_get_stats(&stats);
    long long offset = sp_wall_clock_offset_ns();
    return Py_BuildValue(
        "{sIsKsssOsOsOsssKsKsLsLsLsKsKsIsKsN}", "epochs", stats.sessions, "interval_ns", (wide)stats.plan.interval_ns,
        "mode", stats.plan.wall ? "wall" : "cpu", "native", stats.plan.native ? Py_True : Py_False, "displaced",
        stats.displaced ? Py_True : Py_False, "gave_up", stats.gave_up ? Py_True : Py_False, "ticks",
        stats.by_thread ? "thread" : "timer", "samples", (wide)stats.samples, "sampled_ns", (wide)stats.weight_ns,
        "start_ns", (long long)stats.start_ns + offset, "end_ns", (long long)stats.end_ns + offset, "clock_offset_ns",
        offset, "process_ns", (wide)stats.process_ns, "handler_ns", (wide)stats.handler_ns, "threads", stats.threads,
        "python_threads", (wide)python_threads(), "dropped", convert_drops(&stats));
}

/* ---- Samples ---- */

/* Samples that arrive in the meantime may be left out. */
static PyObject *convert_samples(void) {
    size_t capacity = spprof_cpu_copy(NULL, 0);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(capacity * sizeof(spprof_cpu_sample)));
    if (!bytes) return NULL;
    size_t count = spprof_cpu_copy((spprof_cpu_sample *)PyBytes_AS_STRING(bytes), capacity);
    if (count < capacity) _PyBytes_Resize(&bytes, (Py_ssize_t)(count * sizeof(spprof_cpu_sample)));
    return bytes;
}

/* Steals `item`. */
static bool append(PyObject *list, PyObject *item) {
    bool appended = item && PyList_Append(list, item) == 0;
    Py_XDECREF(item);
    return appended;
}

static PyObject *convert_overflow(const sp_stacks_copy *stacks) {
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < stacks->count; i++) {
        const spprof_site *site = &stacks->sites[i];
        typedef unsigned long long wide;
        if (site->ticks == 0) continue;
        PyObject *sums =
            Py_BuildValue("(IKK)", spprof_stack_slot(site->stack_id), (wide)site->ticks, (wide)site->tick_ns);
        if (!append(list, sums)) Py_CLEAR(list);
    }
    return list;
}

static PyObject *convert_stack(const sp_stacks_copy *stacks, const spprof_site *site) {
    PyObject *words = sp_convert_words_with_gil(stacks, site);
    if (!words) return NULL;
    return Py_BuildValue("(IKNOO)", spprof_stack_slot(site->stack_id), (unsigned long long)site->stack_id, words,
                         site->depth_limited ? Py_True : Py_False, site->truncated ? Py_True : Py_False);
}

static PyObject *convert_stacks(const sp_stacks_copy *stacks) {
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < stacks->count; i++)
        if (!append(list, convert_stack(stacks, &stacks->sites[i]))) Py_CLEAR(list);
    return list;
}

static PyObject *convert_thread(const spprof_cpu_thread *thread) {
    typedef unsigned long long wide;
    PyObject *name = PyUnicode_DecodeUTF8(thread->name, (Py_ssize_t)strlen(thread->name), "backslashreplace");
    if (!name) return NULL;
    return Py_BuildValue("(INKKO)", thread->thread_id, name, (wide)thread->samples, (wide)thread->uncovered_ns,
                         thread->blocked ? Py_True : Py_False);
}

static PyObject *convert_threads(void) {
    size_t capacity = spprof_cpu_threads(NULL, 0) + 64;
    spprof_cpu_thread *threads = PyMem_RawCalloc(capacity, sizeof *threads);
    if (!threads) return PyErr_NoMemory();
    size_t count = spprof_cpu_threads(threads, capacity);
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < count && i < capacity; i++)
        if (!append(list, convert_thread(&threads[i]))) Py_CLEAR(list);
    PyMem_RawFree(threads);
    return list;
}

/* No session can begin during this, because that needs the GIL, so the log's stacks stay. Samples are copied first,
 * so that the stack of each is among the stacks. */
PyObject *sp_cpu_profile_with_gil(PyObject *module, PyObject *unused) {
    sp_stacks_copy copy = {.sites = NULL};
    PyObject *threads = convert_threads();
    PyObject *stats = threads ? sp_cpu_stats_with_gil(module, unused) : NULL;
    PyObject *samples = stats ? convert_samples() : NULL;
    spprof_keep_stacks();
    bool copied = samples && sp_stacks_copy_with_gil(&copy, true);
    spprof_let_stacks_go();
    PyObject *overflow = copied ? convert_overflow(&copy) : NULL;
    PyObject *stacks = overflow ? convert_stacks(&copy) : NULL;
    PyObject *result = stacks ? PyTuple_Pack(5, samples, overflow, threads, stats, stacks) : NULL;
    sp_stacks_copy_free(&copy);
    Py_XDECREF(stacks);
    Py_XDECREF(overflow);
    Py_XDECREF(samples);
    Py_XDECREF(stats);
    Py_XDECREF(threads);
    return result;
}

PyObject *sp_cpu_tick_of_with_gil(PyObject *module, PyObject *argument) {
    (void)module;
    unsigned long thread_id = PyLong_AsUnsignedLong(argument);
    int signal_number;
    uint64_t cookie;
    if (PyErr_Occurred()) return NULL;
    if (!spprof_cpu_tick_of((uint32_t)thread_id, &signal_number, &cookie))
        return PyErr_Format(PyExc_KeyError, "the CPU profiler has no timer for thread %lu", thread_id);
    return Py_BuildValue("(iK)", signal_number, (unsigned long long)cookie);
}
