/* module.c: spprof._engine, with the lifecycle for the Python package; python/spprof/_engine.pyi is its contract. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "arena_hook.h"
#include "background.h"
#include "background_refusal.h"
#include "background_signal.h"
#include "convert.h"
#include "cpu_module.h"
#include "debug_lines.h"
#include "demangle.h"
#include "endings.h"
#include "family.h"
#include "loader_refusals.h"
#include "malloc_sums.h"
#include "mappings.h"
#include "pools.h"
#include "privileges.h"
#include "pycode.h"
#include "pyframes.h"
#include "pyinterpreter.h"
#include "pylayout.h"
#include "pymem_hook.h"
#include "pysymbols.h"
#include "pythreads.h"
#include "reserve.h"
#include "resident.h"
#include "serve_module.h"
#include "server_module.h"
#include "signal_repeat.h"
#include "snapshot.h"
#include "spprof.h"

#include <dlfcn.h>
#include <string.h>

/* The mode that start() entered, for the statistics. Written with the main GIL held, read with any GIL held. */
static const char *_Atomic native_mode = "off";

/* The interpreter that last started the heap profiler. Accessed only with the main GIL held. */
static int64_t starter = -1;

/* ---- Errors: each names its remedy ---- */

static PyObject *raise_status(spprof_status status) {
    static const char *const messages[] = {
        [SPPROF_ALREADY_ACTIVE] = "the heap profiler is already running: call spprof.memprof.stop() first, or take "
                                  "snapshots of the running one and compare() them",
        [SPPROF_NOT_ACTIVE] = "the heap profiler is not running: call spprof.memprof.start() first",
        [SPPROF_SHUT_DOWN] =
            "the heap profiler was shut down, which is permanent: start a new process to profile again "
            "(after stop(), start() works again; after shutdown() it does not)",
        [SPPROF_TOO_MANY_STARTS] = "the heap profiler has reached its limit of 4194303 starts: leave it running, or "
                                   "start a new process",
    };
    if (status == SPPROF_BAD_RATE)
        return PyErr_Format(PyExc_ValueError, "the sampling rate must be between 0 and %u bytes", SPPROF_RATE_MAX);
    if (status == SPPROF_OUT_OF_MEMORY) return PyErr_NoMemory();
    PyErr_SetString(PyExc_RuntimeError, messages[status]);
    return NULL;
}

/* ---- Native modes ---- */

/* Before anything is patched, malloc reaches a hook only if the library was preloaded. */
static bool is_preloaded(void) {
    static int answer = -1;
    if (answer < 0) answer = sp_pymem_hook_malloc_is_seen();
    return answer;
}

static bool is_one_of(const char *wanted, const char *one, const char *other) {
    return strcmp(wanted, one) == 0 || strcmp(wanted, other) == 0;
}

/* Install the native hooks. Return the mode that results from `wanted`, or NULL with an exception set. */
static const char *enter_native_mode(const char *wanted) {
    if (strcmp(wanted, "off") == 0) return "off";
    bool preloaded = is_preloaded(); /* asked before the first patch, whichever mode that is for */
    if (preloaded && is_one_of(wanted, "auto", "preload")) {
        spprof_follow_lookups();
        return "preload";
    }
    if (strcmp(wanted, "preload") == 0) {
        sp_refuse_preload_with_gil();
        return NULL;
    }
    if (!is_one_of(wanted, "auto", "patch"))
        return (const char *)PyErr_Format(PyExc_ValueError,
                                          "native must be \"auto\", \"preload\", \"patch\" or \"off\"");
    if (spprof_patch() > 0) return "patch";
    if (strcmp(wanted, "auto") == 0) return "off";
    sp_refuse_patch_with_gil();
    return NULL;
}

/* ---- Lifecycle ---- */

static PyObject *start_engine(uint32_t rate, uint32_t budget_ppm, const uint64_t *seed, const char *mode) {
    sp_pycode_watch_with_gil();
    sp_pyframes_register();
    sp_pymem_hook_install_with_gil(strcmp(mode, "off") != 0);
    if (strcmp(mode, "off") != 0) sp_arena_hook_install_with_gil();
    spprof_set_native(strcmp(mode, "off") != 0);
    spprof_leave_out_mappings_of((const void *)(uintptr_t)start_engine);
    spprof_set_budget(budget_ppm);
    spprof_status status = spprof_start(rate, seed);
    if (status == SPPROF_OK) {
        native_mode = mode;
        starter = sp_pyinterpreter_id_with_gil();
        Py_RETURN_NONE;
    }
    if (status != SPPROF_ALREADY_ACTIVE) sp_pymem_hook_rest_with_gil();
    return raise_status(status);
}

static PyObject *start(PyObject *module, PyObject *arguments) {
    (void)module;
    unsigned long rate;
    unsigned int budget_ppm;
    const char *wanted;
    PyObject *seed_object;
    if (!sp_pyinterpreter_controls_with_gil("heap", "start")) return NULL;
    if (!PyArg_ParseTuple(arguments, "ksOI:start", &rate, &wanted, &seed_object, &budget_ppm)) return NULL;
    uint64_t seed = 0;
    if (seed_object != Py_None) {
        seed = PyLong_AsUnsignedLongLongMask(seed_object);
        if (PyErr_Occurred()) return NULL;
    }
    if (spprof_is_shut_down()) return raise_status(SPPROF_SHUT_DOWN);
    if (spprof_is_active()) return raise_status(SPPROF_ALREADY_ACTIVE);
    if (rate > SPPROF_RATE_MAX) return raise_status(SPPROF_BAD_RATE);
    const char *mode = enter_native_mode(wanted);
    return mode ? start_engine((uint32_t)rate, budget_ppm, seed_object == Py_None ? NULL : &seed, mode) : NULL;
}

static PyObject *stop(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    if (!sp_pyinterpreter_controls_with_gil("heap", "stop")) return NULL;
    spprof_status status = spprof_stop();
    if (status != SPPROF_OK) return raise_status(status);
    sp_pymem_hook_rest_with_gil();
    Py_RETURN_NONE;
}

static PyObject *shut_down(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    if (!sp_pyinterpreter_controls_with_gil("heap", "shutdown")) return NULL;
    spprof_shutdown();
    sp_pymem_hook_remove_with_gil();
    sp_arena_hook_remove_with_gil();
    Py_RETURN_NONE;
}

static PyObject *is_main_interpreter(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyBool_FromLong(sp_pyinterpreter_is_main_with_gil());
}

static PyObject *has_main_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyBool_FromLong(sp_pyinterpreter_has_main_gil());
}

static PyObject *is_own(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyBool_FromLong(sp_pyinterpreter_has_main_gil() && starter == sp_pyinterpreter_id_with_gil());
}

static PyObject *is_active(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyBool_FromLong(spprof_is_active());
}

static PyObject *is_shut_down(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyBool_FromLong(spprof_is_shut_down());
}

/* ---- Reading ---- */

static PyObject *reset_peak(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    spprof_reset_peak();
    Py_RETURN_NONE;
}

static PyObject *stats(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return sp_convert_stats_with_gil(native_mode);
}

/* A snapshot also restores a hook that another tool displaced, or a slot that lazy binding overwrote, and notices
 * the objects that libc itself loaded or unloaded. Needs the main GIL. */
static void renew_hooks(void) {
    if (strcmp(native_mode, "patch") == 0) spprof_patch();
    if (strcmp(native_mode, "preload") == 0) spprof_follow_lookups();
    spprof_refresh_objects();
    sp_pymem_hook_install_with_gil(strcmp(native_mode, "off") != 0);
    if (strcmp(native_mode, "off") != 0) sp_arena_hook_install_with_gil();
}

static PyObject *snapshot(PyObject *module, PyObject *arguments) {
    (void)module;
    unsigned long long after_serial;
    const char *fingerprints;
    Py_ssize_t bytes;
    long long since, number;
    if (!PyArg_ParseTuple(arguments, "Ky#LL:snapshot", &after_serial, &fingerprints, &bytes, &since, &number))
        return NULL;
    if (spprof_is_active() && sp_pyinterpreter_has_main_gil()) renew_hooks();
    const size_t size = 3 * sizeof(uint64_t);
    sp_snapshot_known known = {fingerprints, (size_t)bytes / size, since, number};
    return sp_snapshot_with_gil(after_serial, &known, native_mode);
}

static PyObject *samples_without(PyObject *self, PyObject *args) {
    PyObject *packed, *stack_ids;
    (void)self;
    return PyArg_ParseTuple(args, "SS", &packed, &stack_ids) ? sp_snapshot_without_with_gil(packed, stack_ids) : NULL;
}

static PyObject *processes(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return sp_convert_processes_with_gil();
}

static PyObject *stack(PyObject *module, PyObject *argument) {
    (void)module;
    uint64_t id = PyLong_AsUnsignedLongLong(argument);
    return PyErr_Occurred() ? NULL : sp_convert_stack_with_gil(id);
}

static PyObject *native_part(PyObject *module, PyObject *arguments) {
    (void)module;
    const char *words;
    Py_ssize_t bytes;
    int truncated;
    if (!PyArg_ParseTuple(arguments, "y#p:native_part", &words, &bytes, &truncated)) return NULL;
    return sp_convert_native_part_with_gil(words, bytes, truncated);
}

static PyObject *code(PyObject *module, PyObject *argument) {
    (void)module;
    uint64_t word = PyLong_AsUnsignedLongLong(argument);
    return PyErr_Occurred() ? NULL : sp_convert_code_with_gil(word);
}

static PyObject *library_path(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyUnicode_DecodeFSDefault(spprof_library_path());
}

/* Return a dictionary that belongs to the interpreter. It outlives the package's modules and this module if a
 * program reimports them. It holds what the package must know about a running session. */
static PyObject *kept(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    PyObject *of_interpreter = PyInterpreterState_GetDict(PyInterpreterState_Get());
    if (!of_interpreter) return PyErr_NoMemory();
    PyObject *key = PyUnicode_FromString("spprof");
    PyObject *mine = key ? PyDict_GetItemWithError(of_interpreter, key) : NULL;
    Py_XINCREF(mine);
    if (key && !mine && !PyErr_Occurred()) {
        mine = PyDict_New();
        if (mine && PyDict_SetItem(of_interpreter, key, mine) < 0) Py_CLEAR(mine);
    }
    Py_XDECREF(key);
    return mine;
}

/* ---- The module ---- */

static PyMethodDef methods[] = {
    {"start", start, METH_VARARGS, "start(rate_bytes, native, seed, budget_ppm)"},
    {"stop", stop, METH_NOARGS, "stop()"},
    {"shutdown", shut_down, METH_NOARGS, "shutdown()"},
    {"is_main_interpreter", is_main_interpreter, METH_NOARGS, "is_main_interpreter() -> bool"},
    {"is_privileged", sp_is_privileged_with_gil, METH_NOARGS, "is_privileged() -> bool"},
    {"has_main_gil", has_main_gil, METH_NOARGS, "has_main_gil() -> bool"},
    {"is_own", is_own, METH_NOARGS, "is_own() -> bool"},
    {"is_active", is_active, METH_NOARGS, "is_active() -> bool"},
    {"is_shut_down", is_shut_down, METH_NOARGS, "is_shut_down() -> bool"},
    {"stats", stats, METH_NOARGS, "stats() -> dict"},
    {"reset_peak", reset_peak, METH_NOARGS, "reset_peak()"},
    {"snapshot", snapshot, METH_VARARGS,
     "snapshot(after_serial, known, since, number) -> (samples, sites, stats, wall clock offset in ns, peaks, blocks, "
     "fingerprints, gone)"},
    {"mappings", sp_mappings_with_gil, METH_NOARGS, "mappings() -> (mappings, stacks)"},
    {"measured", sp_resident_mappings_with_gil, METH_O, "measured(mappings) -> (mappings, paths)"},
    {"thread_name", sp_resident_thread_name_with_gil, METH_O, "thread_name(thread_id) -> str"},
    {"thread_ids", sp_resident_thread_ids_with_gil, METH_NOARGS, "thread_ids() -> list"},
    {"mapping_stats", sp_mapping_stats_with_gil, METH_NOARGS, "mapping_stats() -> dict"},
    {"samples_without", samples_without, METH_VARARGS, "samples_without(samples, stack_ids) -> bytes"},
    {"processes", processes, METH_NOARGS, "processes() -> list"},
    {"stack", stack, METH_O, "stack(stack_id) -> (words, depth_limited, truncated)"},
    {"native_part", native_part, METH_VARARGS, "native_part(words, truncated) -> (depth, truncated, outermost word)"},
    {"code", code, METH_O, "code(word) -> (function, file, line)"},
    {"modules", sp_pysymbols_modules_with_gil, METH_NOARGS, "modules() -> list"},
    {"interpreter_address", sp_pysymbols_interpreter_with_gil, METH_NOARGS, "interpreter_address() -> int"},
    {"symbols", sp_pysymbols_find_with_gil, METH_VARARGS, "symbols(path, build_id, addresses) -> tuple"},
    {"demangle", sp_demangle_with_gil, METH_O, "demangle(name) -> str or None"},
    {"lines", sp_debug_lines_with_gil, METH_VARARGS, "lines(path, addresses) -> list"},
    {"cpu_start", sp_cpu_start_with_gil, METH_VARARGS, "cpu_start(interval_ns, mode, native) -> str"},
    {"cpu_stop", sp_cpu_stop_with_gil, METH_NOARGS, "cpu_stop()"},
    {"cpu_is_own", sp_cpu_is_own_with_gil, METH_NOARGS, "cpu_is_own() -> bool"},
    {"cpu_is_active", sp_cpu_is_active_with_gil, METH_NOARGS, "cpu_is_active() -> bool"},
    {"cpu_stats", sp_cpu_stats_with_gil, METH_NOARGS, "cpu_stats() -> dict"},
    {"cpu_profile", sp_cpu_profile_with_gil, METH_NOARGS,
     "cpu_profile() -> (samples, overflow, threads, stats, stacks)"},
    {"cpu_tick_of", sp_cpu_tick_of_with_gil, METH_O, "cpu_tick_of(thread_id) -> (signal, cookie)"},
    {"set_state", sp_set_state_with_gil, METH_VARARGS, "set_state(program, python, started_ns)"},
    {"prepare_stacks", sp_prepare_stacks_with_gil, METH_NOARGS, "prepare_stacks()"},
    {"stacks_text", sp_stacks_text_with_gil, METH_NOARGS, "stacks_text() -> bytes"},
    {"resident_bytes", sp_resident_bytes_with_gil, METH_NOARGS, "resident_bytes() -> int"},
    {"state_text", sp_state_text_with_gil, METH_NOARGS, "state_text() -> bytes"},
    {"repeat_signal", sp_signal_repeat_with_gil, METH_O, "repeat_signal(number)"},
    {"signal_handled", sp_signal_handled_with_gil, METH_NOARGS, "signal_handled()"},
    {"has_default_action", sp_signal_has_default_action_with_gil, METH_O, "has_default_action(number) -> bool"},
    {"call_before", sp_endings_call_before_with_gil, METH_VARARGS,
     "call_before(function, callback) -> function or None"},
    {"end_within", sp_endings_end_within_with_gil, METH_VARARGS, "end_within(seconds, status, signal) -> bool"},
    {"background_start", sp_background_start_with_gil, METH_O, "background_start(work) -> bool"},
    {"background_wake", sp_background_wake_with_gil, METH_NOARGS, "background_wake() -> True"},
    {"background_stop", sp_background_stop_with_gil, METH_O, "background_stop(seconds) -> bool"},
    {"background_is_stopping", sp_background_is_stopping_with_gil, METH_NOARGS, "background_is_stopping() -> bool"},
    {"server_listen", sp_server_listen_with_gil, METH_VARARGS, "server_listen(address, token) -> (number, address)"},
    {"server_close", sp_server_close_with_gil, METH_O, "server_close(number) -> bool"},
    {"server_pause", sp_server_pause_with_gil, METH_NOARGS, "server_pause()"},
    {"server_go_on", sp_server_go_on_with_gil, METH_NOARGS, "server_go_on() -> bool"},
    {"server_take", sp_server_take_with_gil, METH_NOARGS, "server_take() -> (id, method, path, query) or None"},
    {"server_is_asked", sp_server_is_asked_with_gil, METH_NOARGS, "server_is_asked() -> bool"},
    {"server_is_wanted", sp_server_is_wanted_with_gil, METH_O, "server_is_wanted(id) -> bool"},
    {"server_answer", sp_server_answer_with_gil, METH_VARARGS,
     "server_answer(id, status, type, file_name, fields, body) -> bool"},
    {"background_signal_take", sp_background_signal_take_with_gil, METH_O, "background_signal_take(number) -> bool"},
    {"background_signal_give_back", sp_background_signal_give_back_with_gil, METH_O,
     "background_signal_give_back(number)"},
    {"background_signal_came", sp_background_signal_came_with_gil, METH_O, "background_signal_came(number) -> bool"},
    {"background_signal_answer", sp_background_signal_answer_with_gil, METH_O, "background_signal_answer(number)"},
    {"background_refusal_follow", sp_background_refusal_follow_with_gil, METH_O, "background_refusal_follow(bool)"},
    {"background_refusal_came", sp_background_refusal_came_with_gil, METH_NOARGS, "background_refusal_came() -> bool"},
    {"family_open", sp_family_open_with_gil, METH_O, "family_open(mark) -> bool"},
    {"family_door", sp_family_door_with_gil, METH_NOARGS, "family_door() -> (int, int)"},
    {"family_join", sp_family_join_with_gil, METH_VARARGS, "family_join(pid, number, mark) -> bool"},
    {"family_is_there", sp_family_is_there_with_gil, METH_NOARGS, "family_is_there() -> bool"},
    {"family_hand_over", sp_family_hand_over_with_gil, METH_NOARGS, "family_hand_over()"},
    {"family_add", sp_family_add_with_gil, METH_VARARGS, "family_add(state, value, text) -> int"},
    {"family_set", sp_family_set_with_gil, METH_VARARGS, "family_set(number, state, value)"},
    {"family_records", sp_family_records_with_gil, METH_NOARGS, "family_records() -> (list, int)"},
    {"malloc_sums", sp_malloc_sums_with_gil, METH_O, "malloc_sums(places) -> dict or None"},
    {"own_extents", sp_own_extents_with_gil, METH_NOARGS, "own_extents() -> list"},
    {"resident_of", sp_resident_of_with_gil, METH_O, "resident_of(ranges) -> list of int"},
    {"list_text", sp_list_text_with_gil, METH_O, "list_text(measured) -> bytes or None"},
    {"chunk_sizes", sp_chunk_sizes_with_gil, METH_O, "chunk_sizes(addresses) -> bytes or None"},
    {"malloc_said", sp_malloc_said_with_gil, METH_NOARGS, "malloc_said() -> (name, used, free, own) or None"},
    {"trim_malloc", sp_trim_malloc_with_gil, METH_NOARGS, "trim_malloc()"},
    {"python_pools", sp_pools_with_gil, METH_VARARGS,
     "python_pools(ranges, most) -> (pools, used, resident, arenas) or None"},
    {"frame_chunks", sp_pythreads_frame_chunks_with_gil, METH_NOARGS, "frame_chunks() -> bytes"},
    {"take_reserve", sp_reserve_take_with_gil, METH_NOARGS, "take_reserve()"},
    {"give_reserve_back", sp_reserve_give_back_with_gil, METH_NOARGS, "give_reserve_back() -> bool"},
    {"kept", kept, METH_NOARGS, "kept() -> this interpreter's dict, which survives reimports"},
    {"library_path", library_path, METH_NOARGS, "library_path() -> str"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition;

/* The library that belongs to this extension is in the extension's folder. */
static void write_own_library_path(char *out, size_t size) {
    Dl_info info;
    const char *name = dladdr((void *)&definition, &info) && info.dli_fname ? info.dli_fname : "";
    const char *slash = strrchr(name, '/');
    PyOS_snprintf(out, size, "%.*s%s", slash ? (int)(slash - name) + 1 : 0, name, sp_library_name);
}

/* The loader returns the library of this name that was loaded first. Another version's structs differ. */
static bool engine_is_ours(void) {
    const char *found = spprof_version ? spprof_version() : "unknown";
    if (strcmp(found, SPPROF_VERSION) == 0) return true;
    char own_path[4096];
    write_own_library_path(own_path, sizeof own_path);
    sp_refuse_library_with_gil(spprof_library_path ? spprof_library_path() : "preloaded", found, own_path);
    return false;
}

static bool add_constants(PyObject *module) {
    return PyModule_AddStringConstant(module, "VERSION", SPPROF_VERSION) == 0 &&
           PyModule_AddIntConstant(module, "RATE_MAX_BYTES", SPPROF_RATE_MAX) == 0 &&
           PyModule_AddIntConstant(module, "STACK_FRAMES_MAX", SPPROF_STACK_FRAMES_MAX) == 0 &&
           PyModule_AddIntConstant(module, "BYTES_ONE", SPPROF_BYTES_ONE) == 0 &&
           PyModule_AddIntConstant(module, "OBJECTS_ONE", SPPROF_OBJECTS_ONE) == 0 &&
           PyModule_AddIntConstant(module, "STACKS_EVICTED", SPPROF_STACKS_EVICTED) == 0 &&
           PyModule_AddStringConstant(module, "SAMPLE_FORMAT", SP_SAMPLE_FORMAT) == 0 &&
           PyModule_AddStringConstant(module, "PEAK_FORMAT", SP_PEAK_FORMAT) == 0 &&
           PyModule_AddStringConstant(module, "FINGERPRINT_FORMAT", SP_FINGERPRINT_FORMAT) == 0 &&
           PyModule_AddStringConstant(module, "RESIDENT_FORMAT", SP_RESIDENT_FORMAT) == 0 &&
           PyModule_AddStringConstant(module, "MAPPED_FORMAT", SP_MAPPED_FORMAT) == 0 &&
           PyModule_AddIntConstant(module, "LARGE_BLOCK", SPPROF_LARGE_BLOCK) == 0 &&
           PyModule_AddStringConstant(module, "MAPPING_FORMAT", SP_MAPPING_FORMAT) == 0 &&
           PyModule_AddIntConstant(module, "MAPPING_UNKNOWN", SPPROF_MAPPING_UNKNOWN) == 0 &&
           PyModule_AddIntConstant(module, "MAPPING_ANONYMOUS", SPPROF_MAPPING_ANONYMOUS) == 0 &&
           PyModule_AddIntConstant(module, "MAPPING_FILE", SPPROF_MAPPING_FILE) == 0 &&
           PyModule_AddIntConstant(module, "MAPPING_SHARED", SPPROF_MAPPING_SHARED) == 0 &&
           PyModule_AddStringConstant(module, "CPU_SAMPLE_FORMAT", SP_CPU_SAMPLE_FORMAT) == 0;
}

static int execute(PyObject *module) {
    return engine_is_ours() && sp_pylayout_check_with_gil() && add_constants(module) ? 0 : -1;
}

/* The module stores no Python object (the result of kept() belongs to the interpreter), so no object is seen by
 * another interpreter or outlives its own. C statics belong to the process (pyinterpreter.h). */
static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "spprof._engine",
    .m_doc = "The layer between the engine and the Python package; not a public interface.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__engine(void) {
    return PyModuleDef_Init(&definition);
}
