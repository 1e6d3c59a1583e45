#include "convert.h"

#include "pyframes.h"
#include "spprof.h"
#include "wall_clock.h"

#include <string.h>

_Static_assert(sizeof(spprof_sample) == 4 * 8 + 4 * 4, "SP_SAMPLE_FORMAT");

/* ---- Counters ---- */

/* Steals `value`; true if it could be stored. */
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

static PyObject *convert_stats(const spprof_stats *stats, const char *native_mode) {
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
    COUNT(live_bytes)
    COUNT(live_objects)
    COUNT(peak_bytes)
    COUNT(live_samples_max)
    COUNT(missed_frees)
    COUNT(last_serial)
    COUNT(mapped_bytes)
    COUNT(epochs)
#undef COUNT
    whole = whole && put_count(dict, "sampling_rate_bytes", stats->rate);
    if (!whole) Py_CLEAR(dict);
    return dict;
}

PyObject *sp_convert_stats_with_gil(const char *native_mode) {
    spprof_stats stats;
    spprof_get_stats(&stats);
    return convert_stats(&stats, native_mode);
}

/* ---- Sites ---- */

/* What the live samples of one stack add up to. */
typedef struct live_sums {
    uint64_t count, size, bytes, objects;
    double bytes_variance, bytes_skewness, objects_variance, objects_skewness;
} live_sums;

static void add_sample(live_sums *sums, const spprof_sample *sample) {
    spprof_weight weight = spprof_weigh(sample->size, sample->rate);
    double unseen = 1 - weight.probability;
    double objects = 1 / weight.probability, bytes = (double)sample->size * objects;
    sums->count++;
    sums->size += sample->size;
    sums->bytes += weight.bytes;
    sums->objects += weight.objects;
    sums->bytes_variance += unseen * bytes * bytes;
    sums->bytes_skewness += unseen * unseen * bytes * bytes * bytes;
    sums->objects_variance += unseen * objects * objects;
    sums->objects_skewness += unseen * unseen * objects * objects * objects;
}

static PyObject *convert_site(uint32_t id, const live_sums *live, const spprof_site *ever) {
    typedef unsigned long long wide;
    return Py_BuildValue("(IKKKKddddKKKdd)", id, (wide)live->count, (wide)live->size, (wide)live->bytes,
                         (wide)live->objects, live->bytes_variance, live->bytes_skewness, live->objects_variance,
                         live->objects_skewness, (wide)ever->samples, (wide)ever->allocated_bytes,
                         (wide)ever->allocated_objects, ever->variance, ever->skewness);
}

/* `sums` has a place for each id up to `last_id`. */
static PyObject *convert_sites(const live_sums *sums, uint32_t last_id) {
    PyObject *sites = PyList_New(0);
    for (uint32_t id = 1; sites && id <= last_id; id++) {
        spprof_site ever;
        if (!spprof_site_get(id, &ever) || (ever.samples == 0 && sums[id].count == 0)) continue;
        PyObject *site = convert_site(id, &sums[id], &ever);
        if (!site || PyList_Append(sites, site) != 0) Py_CLEAR(sites);
        Py_XDECREF(site);
    }
    return sites;
}

/* ---- Samples ---- */

/* All live samples as one bytes object. Others go on allocating: there may be more than just counted. */
static PyObject *copy_samples(size_t *count) {
    spprof_stats stats;
    spprof_get_stats(&stats);
    size_t capacity = stats.live_samples + stats.live_samples / 8 + 256;
    for (;;) {
        spprof_pause(); /* else the copy would find itself among the samples */
        PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(capacity * sizeof(spprof_sample)));
        spprof_resume();
        if (!bytes) return NULL;
        spprof_sample *samples = (spprof_sample *)PyBytes_AS_STRING(bytes);
        Py_BEGIN_ALLOW_THREADS
        *count = spprof_copy_live(samples, capacity);
        Py_END_ALLOW_THREADS
        if (*count <= capacity) return bytes;
        Py_DECREF(bytes);
        capacity = *count + *count / 8 + 256;
    }
}

static size_t keep_later_than(spprof_sample *samples, size_t count, uint64_t after_serial) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (samples[i].serial > after_serial) samples[kept++] = samples[i];
    return kept;
}

static PyObject *sum_sites(const spprof_sample *samples, size_t count) {
    spprof_stats stats;
    spprof_get_stats(&stats); /* after the samples were copied: their stacks are among these */
    uint32_t last_id = (uint32_t)stats.last_stack_id;
    live_sums *sums = PyMem_RawCalloc((size_t)last_id + 1, sizeof *sums);
    if (!sums) return PyErr_NoMemory();
    for (size_t i = 0; i < count; i++)
        if (samples[i].stack_id <= last_id) add_sample(&sums[samples[i].stack_id], &samples[i]);
    PyObject *sites = convert_sites(sums, last_id);
    PyMem_RawFree(sums);
    return sites;
}

PyObject *sp_convert_snapshot_with_gil(uint64_t after_serial, const char *native_mode) {
    size_t count;
    PyObject *bytes = copy_samples(&count);
    if (!bytes) return NULL;
    spprof_stats stats;
    spprof_get_stats(&stats);
    count = keep_later_than((spprof_sample *)PyBytes_AS_STRING(bytes), count, after_serial);
    spprof_pause();
    int resized = _PyBytes_Resize(&bytes, (Py_ssize_t)(count * sizeof(spprof_sample)));
    spprof_resume();
    if (resized != 0) return NULL;
    PyObject *sites = sum_sites((const spprof_sample *)PyBytes_AS_STRING(bytes), count);
    PyObject *counters = sites ? convert_stats(&stats, native_mode) : NULL;
    PyObject *offset = counters ? PyLong_FromLongLong(sp_wall_clock_offset_ns()) : NULL;
    PyObject *result = offset ? PyTuple_Pack(4, bytes, sites, counters, offset) : NULL;
    Py_XDECREF(offset);
    Py_XDECREF(counters);
    Py_XDECREF(sites);
    Py_DECREF(bytes);
    return result;
}

/* ---- Stacks ---- */

PyObject *sp_convert_stack_with_gil(uint32_t stack_id) {
    spprof_stack stack;
    if (!spprof_stack_get(stack_id, &stack)) return PyErr_Format(PyExc_KeyError, "no stack has the id %u", stack_id);
    PyObject *words = PyTuple_New(stack.count);
    for (uint32_t i = 0; words && i < stack.count; i++) {
        PyObject *word = PyLong_FromUnsignedLongLong(stack.frames[i]);
        if (word)
            PyTuple_SET_ITEM(words, i, word);
        else
            Py_CLEAR(words);
    }
    if (!words) return NULL;
    return Py_BuildValue("(NOO)", words, stack.depth_limited ? Py_True : Py_False,
                         stack.truncated ? Py_True : Py_False);
}

PyObject *sp_convert_native_part_with_gil(uint32_t stack_id) {
    spprof_stack stack;
    if (!spprof_stack_get(stack_id, &stack)) return PyErr_Format(PyExc_KeyError, "no stack has the id %u", stack_id);
    unsigned depth = 0;
    uint64_t outermost = 0;
    for (uint32_t i = 0; i < stack.count; i++) {
        if (stack.frames[i] & SPPROF_FRAME_INTERPRETED) continue;
        depth++;
        outermost = stack.frames[i];
    }
    return Py_BuildValue("(IOK)", depth, stack.truncated ? Py_True : Py_False, (unsigned long long)outermost);
}

PyObject *sp_convert_code_with_gil(uint64_t word) {
    spprof_code code;
    if (!(word & SPPROF_FRAME_INTERPRETED) || !spprof_code_get((uint32_t)(word >> 32 & 0x7FFFFFFF), &code))
        return PyErr_Format(PyExc_KeyError, "no code object was recorded for that word");
    PyObject *function = PyUnicode_DecodeUTF8(code.function, code.function_length, "replace");
    PyObject *file = PyUnicode_DecodeUTF8(code.file, code.file_length, "replace");
    int line = sp_pyframes_line(&code, (uint32_t)word);
    PyObject *converted = function && file ? Py_BuildValue("(OOi)", function, file, line) : NULL;
    Py_XDECREF(function);
    Py_XDECREF(file);
    return converted;
}
