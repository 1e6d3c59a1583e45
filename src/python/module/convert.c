#include "convert.h"

#include "pyframes.h"
#include "resident.h"
#include "spprof.h"
#include "wall_clock.h"

#include <string.h>

_Static_assert(sizeof(spprof_sample) == 4 * 8 + 2 * 4 + 8, "SP_SAMPLE_FORMAT");

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
    return convert_stats(&stats, native_mode);
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

typedef unsigned long long wide;

static PyObject *convert_site(const live_sums *live, const spprof_site *ever, PyObject *words) {
    if (!words) return NULL;
    return Py_BuildValue("(KKKKKddddKKKddIINOO)", (wide)ever->stack_id, (wide)live->count, (wide)live->size,
                         (wide)live->bytes, (wide)live->objects, live->bytes_variance, live->bytes_skewness,
                         live->objects_variance, live->objects_skewness, (wide)ever->allocated.samples,
                         (wide)ever->allocated.bytes, (wide)ever->allocated.objects, ever->allocated.variance,
                         ever->allocated.skewness, ever->labels, ever->birth, words,
                         ever->depth_limited ? Py_True : Py_False, ever->truncated ? Py_True : Py_False);
}

/* `sums` has a place for each of the stacks. */
static PyObject *convert_sites(const live_sums *sums, const sp_stacks_copy *stacks) {
    PyObject *sites = PyList_New(0);
    for (size_t i = 0; sites && i < stacks->count; i++) {
        const spprof_site *ever = &stacks->sites[i];
        if (ever->allocated.samples == 0 && sums[i].count == 0) continue;
        PyObject *site = convert_site(&sums[i], ever, sp_convert_words_with_gil(stacks, ever));
        if (!site || PyList_Append(sites, site) != 0) Py_CLEAR(sites);
        Py_XDECREF(site);
    }
    return sites;
}

/* ---- Peaks ---- */

typedef struct packed_peak {
    uint64_t stack_id;
    spprof_sums at_peak[SPPROF_PEAKS];
} packed_peak;
_Static_assert(sizeof(packed_peak) == 8 + 2 * (4 * 8 + 2 * 8), "SP_PEAK_FORMAT");

static bool has_part(const spprof_site *site) {
    return site->at_peak[SPPROF_PEAK_OF_PROCESS].samples > 0 || site->at_peak[SPPROF_PEAK_OF_WINDOW].samples > 0;
}

/* The stacks with a part of a peak. Packed: an object for each number would cost more than all the rest. */
static PyObject *pack_peaks(const sp_stacks_copy *stacks) {
    size_t count = 0;
    for (size_t i = 0; i < stacks->count; i++) count += has_part(&stacks->sites[i]);
    spprof_pause(); /* as the copy of the samples */
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof(packed_peak)));
    spprof_resume();
    if (!bytes) return NULL;
    char *at = PyBytes_AS_STRING(bytes);
    for (size_t i = 0; i < stacks->count; i++) {
        if (!has_part(&stacks->sites[i])) continue;
        packed_peak peak = {.stack_id = stacks->sites[i].stack_id};
        memcpy(peak.at_peak, stacks->sites[i].at_peak, sizeof peak.at_peak);
        memcpy(at, &peak, sizeof peak);
        at += sizeof peak;
    }
    return bytes;
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

/* Adds up the samples for each stack. `place_of`: of each slot, zeroed. */
static void sum_samples(const spprof_sample *samples, size_t count, const sp_stacks_copy *stacks, uint32_t *place_of,
                        live_sums *sums) {
    for (size_t i = 0; i < stacks->count; i++) place_of[spprof_stack_slot(stacks->sites[i].stack_id)] = (uint32_t)i;
    for (size_t i = 0; i < count; i++) {
        uint32_t place = place_of[spprof_stack_slot(samples[i].stack_id)];
        if (place < stacks->count && stacks->sites[place].stack_id == samples[i].stack_id)
            add_sample(&sums[place], &samples[i]);
    }
}

static PyObject *sum_sites(const spprof_sample *samples, size_t count, const sp_stacks_copy *stacks) {
    spprof_pause(); /* freed below, and none of the program's */
    live_sums *sums = PyMem_RawCalloc(stacks->count + 1, sizeof *sums);
    uint32_t *place_of = PyMem_RawCalloc((size_t)1 << SPPROF_STACK_SLOT_BITS, sizeof *place_of);
    spprof_resume();
    if (sums && place_of) sum_samples(samples, count, stacks, place_of, sums);
    PyObject *sites = sums && place_of ? convert_sites(sums, stacks) : PyErr_NoMemory();
    PyMem_RawFree(place_of);
    PyMem_RawFree(sums);
    return sites;
}

/* What is copied while no stack leaves: of each sample the stack is among the stacks. */
typedef struct copied {
    PyObject *samples;
    size_t count;
    sp_stacks_copy stacks;
} copied;

static bool copy_all(copied *all) {
    *all = (copied){.samples = NULL};
    spprof_keep_stacks();
    all->samples = copy_samples(&all->count);
    bool whole = all->samples && sp_stacks_copy_with_gil(&all->stacks, false);
    spprof_let_stacks_go();
    if (!whole) Py_CLEAR(all->samples);
    return whole;
}

static bool leave_out_before(copied *all, uint64_t after_serial) {
    all->count = keep_later_than((spprof_sample *)PyBytes_AS_STRING(all->samples), all->count, after_serial);
    spprof_pause();
    int resized = _PyBytes_Resize(&all->samples, (Py_ssize_t)(all->count * sizeof(spprof_sample)));
    spprof_resume();
    return resized == 0;
}

static PyObject *convert_copied(const copied *all, const spprof_stats *stats, const char *native_mode) {
    const spprof_sample *samples = (const spprof_sample *)PyBytes_AS_STRING(all->samples);
    PyObject *sites = sum_sites(samples, all->count, &all->stacks);
    PyObject *counters = sites ? convert_stats(stats, native_mode) : NULL;
    PyObject *offset = counters ? PyLong_FromLongLong(sp_wall_clock_offset_ns()) : NULL;
    PyObject *peaks = offset ? pack_peaks(&all->stacks) : NULL;
    PyObject *blocks = peaks ? sp_resident_blocks_with_gil(samples, all->count) : NULL;
    PyObject *result = blocks ? PyTuple_Pack(6, all->samples, sites, counters, offset, peaks, blocks) : NULL;
    Py_XDECREF(blocks);
    Py_XDECREF(peaks);
    Py_XDECREF(offset);
    Py_XDECREF(counters);
    Py_XDECREF(sites);
    return result;
}

PyObject *sp_convert_snapshot_with_gil(uint64_t after_serial, const char *native_mode) {
    copied all;
    spprof_stats stats;
    if (!copy_all(&all)) return NULL;
    spprof_get_stats(&stats);
    PyObject *result = leave_out_before(&all, after_serial) ? convert_copied(&all, &stats, native_mode) : NULL;
    sp_stacks_copy_free(&all.stacks);
    Py_XDECREF(all.samples);
    return result;
}

/* Of one snapshot: no two of its stacks share a slot. */
static size_t copy_without(const spprof_sample *samples, size_t count, const uint8_t *left_out, spprof_sample *kept) {
    size_t copied = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = spprof_stack_slot(samples[i].stack_id);
        if (!(left_out[slot / 8] >> slot % 8 & 1)) kept[copied++] = samples[i];
    }
    return copied;
}

PyObject *sp_convert_without_with_gil(PyObject *packed, PyObject *stack_ids) {
    size_t count = (size_t)PyBytes_GET_SIZE(packed) / sizeof(spprof_sample);
    size_t ids = (size_t)PyBytes_GET_SIZE(stack_ids) / sizeof(uint64_t);
    const uint64_t *id = (const uint64_t *)PyBytes_AS_STRING(stack_ids);
    spprof_pause(); /* as the copy of the samples */
    uint8_t *left_out = PyMem_RawCalloc((size_t)1 << (SPPROF_STACK_SLOT_BITS - 3), 1);
    PyObject *kept = left_out ? PyBytes_FromStringAndSize(NULL, PyBytes_GET_SIZE(packed)) : PyErr_NoMemory();
    if (kept) {
        for (size_t i = 0; i < ids; i++)
            left_out[spprof_stack_slot(id[i]) / 8] |= (uint8_t)(1 << spprof_stack_slot(id[i]) % 8);
        size_t copied = copy_without((const spprof_sample *)PyBytes_AS_STRING(packed), count, left_out,
                                     (spprof_sample *)PyBytes_AS_STRING(kept));
        _PyBytes_Resize(&kept, (Py_ssize_t)(copied * sizeof(spprof_sample)));
    }
    PyMem_RawFree(left_out);
    spprof_resume();
    return kept;
}

/* ---- Stacks ---- */

/* The engine's own memory would do as well; this is the program's, and not sampled. */
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

bool sp_stacks_copy_with_gil(sp_stacks_copy *copy, bool logged) {
    size_t frame_count, sites = 0, frames = 0;
    *copy = (sp_stacks_copy){.sites = NULL};
    spprof_copy_stacks(logged, NULL, 0, &copy->count, NULL, 0, &frame_count);
    do {
        sites = copy->count + copy->count / 8 + 64; /* others go on adding */
        frames = frame_count + frame_count / 8 + 64 * 32;
        if (!make_room(copy, sites, frames)) return false;
    } while (!spprof_copy_stacks(logged, copy->sites, sites, &copy->count, copy->frames, frames, &frame_count));
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

/* Copied before Python runs again. */
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
    int line = code.lines ? sp_pyframes_line(&code, (uint32_t)word) : 0; /* a mark has none */
    PyObject *converted = function && file ? Py_BuildValue("(OOi)", function, file, line) : NULL;
    Py_XDECREF(function);
    Py_XDECREF(file);
    return converted;
}
