#include "convert.h"

#include "pyframes.h"
#include "spprof.h"

#include <string.h>

/* ---- Counters ---- */

/* Steals `value`. Returns whether it could be stored. */
static bool put(PyObject *dict, const char *key, PyObject *value) {
    bool stored = value && PyDict_SetItemString(dict, key, value) == 0;
    Py_XDECREF(value);
    return stored;
}

static bool put_count(PyObject *dict, const char *key, uint64_t value) {
    return put(dict, key, PyLong_FromUnsignedLongLong(value));
}

static PyObject *convert_drops(const spprof_stats *stats) {
    PyObject *drops = PyDict_New();
    bool whole = drops != NULL;
#define X(constant, name, meaning) whole = whole && put_count(drops, name, stats->dropped[SPPROF_DROP_##constant]);
    SPPROF_DROP_REASONS(X)
#undef X
    if (!whole) Py_CLEAR(drops);
    return drops;
}

#define UNCOVERED_SHOWN 64

static PyObject *convert_uncovered(void) {
    const char *names[UNCOVERED_SHOWN];
    size_t count = spprof_uncovered(names, UNCOVERED_SHOWN);
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < count && i < UNCOVERED_SHOWN; i++) {
        PyObject *name = PyUnicode_DecodeFSDefault(names[i]);
        if (!name || PyList_Append(list, name) != 0) Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

PyObject *sp_convert_counters_with_gil(const spprof_stats *stats, const char *native_mode) {
    PyObject *dict = PyDict_New();
    if (!dict) return NULL;
    bool whole = put(dict, "native_mode", PyUnicode_FromString(native_mode));
    whole = whole && put(dict, "dropped_samples", convert_drops(stats));
    whole = whole && put(dict, "uncovered_objects", convert_uncovered());
#define COUNT(member) whole = whole && put_count(dict, #member, stats->member);
    COUNT(total_samples)
    COUNT(live_samples)
    COUNT(freed_samples)
    COUNT(unique_stacks)
    COUNT(stacks)
    COUNT(stacks_max)
    COUNT(evicted_stacks)
    COUNT(folded_samples)
    COUNT(folded_bytes)
    COUNT(unkept_samples)
    COUNT(unkept_live_samples)
    COUNT(marked_codes)
    COUNT(live_bytes)
    COUNT(live_objects)
    COUNT(peak_bytes)
    COUNT(window_peak_bytes)
    COUNT(live_samples_max)
    COUNT(thinned_samples)
    COUNT(lost_bytes)
    COUNT(thinned_rate)
    COUNT(thinnings)
    COUNT(missed_frees)
    COUNT(last_serial)
    COUNT(forked_serial)
    COUNT(birth)
    COUNT(mapped_bytes)
    COUNT(longest_rate)
    COUNT(budget_ppm)
    COUNT(spent_ns)
    COUNT(epochs)
#undef COUNT
    whole = whole && put_count(dict, "sampling_rate_bytes", stats->rate);
    if (!whole) Py_CLEAR(dict);
    return dict;
}

PyObject *sp_convert_stats_with_gil(const char *native_mode) {
    spprof_stats stats;
    spprof_get_stats(&stats);
    return sp_convert_counters_with_gil(&stats, native_mode);
}

PyObject *sp_convert_processes_with_gil(void) {
    PyObject *list = PyList_New(0);
    for (uint32_t birth = 0; list; birth++) {
        spprof_process process = spprof_birth_process(birth);
        if (process.id == 0) break;
        PyObject *pair = Py_BuildValue("(IK)", process.id, (unsigned long long)process.mark);
        if (!pair || PyList_Append(list, pair) != 0) Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    return list;
}

/* ---- Stacks ---- */

/* The engine's own memory would also do. This memory counts as the program's, but is not sampled. */
static bool make_room(sp_stacks_copy *copy, size_t sites, size_t frames) {
    sp_stacks_copy_free(copy);
    spprof_pause();
    copy->sites = PyMem_RawMalloc((sites + 1) * sizeof *copy->sites);
    copy->frames = PyMem_RawMalloc((frames + 1) * sizeof *copy->frames);
    spprof_resume();
    if (copy->sites && copy->frames) return true;
    sp_stacks_copy_free(copy);
    PyErr_NoMemory();
    return false;
}

/* Releases the GIL while it copies, because there may be many stacks. */
static bool copy_stacks(bool logged, sp_stacks_copy *copy, size_t sites, size_t frames, size_t *frame_count) {
    bool fits;
    Py_BEGIN_ALLOW_THREADS
    fits = spprof_copy_stacks(logged, copy->sites, sites, &copy->count, copy->frames, frames, frame_count);
    Py_END_ALLOW_THREADS
    return fits;
}

bool sp_stacks_copy_with_gil(sp_stacks_copy *copy, bool logged) {
    size_t frame_count, sites = 0, frames = 0;
    *copy = (sp_stacks_copy){.sites = NULL};
    spprof_copy_stacks(logged, NULL, 0, &copy->count, NULL, 0, &frame_count);
    do {
        sites = copy->count + copy->count / 8 + 64; /* other threads keep adding stacks */
        frames = frame_count + frame_count / 8 + 64 * 32;
        if (!make_room(copy, sites, frames)) return false;
    } while (!copy_stacks(logged, copy, sites, frames, &frame_count));
    return true;
}

void sp_stacks_copy_free(sp_stacks_copy *copy) {
    PyMem_RawFree(copy->sites);
    PyMem_RawFree(copy->frames);
    copy->sites = NULL;
    copy->frames = NULL;
}

PyObject *sp_convert_words_with_gil(const sp_stacks_copy *copy, const spprof_site *site) {
    const char *words = (const char *)(copy->frames + site->first_frame);
    return PyBytes_FromStringAndSize(words, (Py_ssize_t)(site->frame_count * sizeof *copy->frames));
}

/* The stack is copied before Python runs again. */
static bool copy_stack(uint64_t stack_id, spprof_stack *stack, uint64_t frames[SPPROF_STACK_FRAMES_MAX]) {
    spprof_keep_stacks();
    bool found = spprof_stack_get(stack_id, stack);
    if (found) memcpy(frames, stack->frames, stack->count * sizeof *frames);
    spprof_let_stacks_go();
    if (!found) PyErr_Format(PyExc_KeyError, "no stack has the id %llu", (unsigned long long)stack_id);
    return found;
}

PyObject *sp_convert_stack_with_gil(uint64_t stack_id) {
    uint64_t frames[SPPROF_STACK_FRAMES_MAX];
    spprof_stack stack;
    if (!copy_stack(stack_id, &stack, frames)) return NULL;
    PyObject *words = PyTuple_New(stack.count);
    for (uint32_t i = 0; words && i < stack.count; i++) {
        PyObject *word = PyLong_FromUnsignedLongLong(frames[i]);
        if (word)
            PyTuple_SET_ITEM(words, i, word);
        else
            Py_CLEAR(words);
    }
    if (!words) return NULL;
    return Py_BuildValue("(NOO)", words, stack.depth_limited ? Py_True : Py_False,
                         stack.truncated ? Py_True : Py_False);
}

PyObject *sp_convert_native_part_with_gil(const char *words, Py_ssize_t bytes, int truncated) {
    unsigned depth = 0;
    uint64_t word, outermost = 0;
    for (Py_ssize_t at = 0; at + (Py_ssize_t)sizeof word <= bytes; at += (Py_ssize_t)sizeof word) {
        memcpy(&word, words + at, sizeof word);
        if (word & SPPROF_FRAME_INTERPRETED) continue;
        depth++;
        outermost = word;
    }
    return Py_BuildValue("(IOK)", depth, truncated ? Py_True : Py_False, (unsigned long long)outermost);
}

PyObject *sp_convert_code_with_gil(uint64_t word) {
    spprof_code code;
    if (!(word & SPPROF_FRAME_INTERPRETED) || !spprof_code_get((uint32_t)(word >> 32 & 0x7FFFFFFF), &code))
        return PyErr_Format(PyExc_KeyError, "no code object was recorded for that word");
    PyObject *function = PyUnicode_DecodeUTF8(code.function, code.function_length, "backslashreplace");
    PyObject *file = PyUnicode_DecodeUTF8(code.file, code.file_length, "surrogateescape");
    int line = code.lines ? sp_pyframes_line(&code, (uint32_t)word) : 0; /* a mark has no line */
    PyObject *converted = function && file ? Py_BuildValue("(OOi)", function, file, line) : NULL;
    Py_XDECREF(function);
    Py_XDECREF(file);
    return converted;
}
