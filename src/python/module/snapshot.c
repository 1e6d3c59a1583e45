#include "snapshot.h"

#include "convert.h"
#include "resident.h"
#include "wall_clock.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(spprof_sample) == 4 * 8 + 2 * 4 + 8, "SP_SAMPLE_FORMAT");

/* What the live samples of one stack add up to. */
typedef struct live_sums {
    uint64_t count, size, bytes, objects;
    double bytes_variance, bytes_skewness, objects_variance, objects_skewness;
} live_sums;

typedef struct fingerprint {
    uint64_t stack_id, value;
    int64_t changed; /* the number of the snapshot that first had this value */
} fingerprint;
_Static_assert(sizeof(fingerprint) == 3 * 8, "SP_FINGERPRINT_FORMAT");

/* What is copied while no stack leaves: of each sample the stack is among the stacks. */
typedef struct copied {
    PyObject *samples;
    size_t count;
    sp_stacks_copy stacks;
    /* For each stack: */
    live_sums *sums;
    fingerprint *fingerprints;
    uint8_t *is_known;  /* it has not changed, and is not told */
    uint32_t *place_of; /* for each slot: its stack */
    uint64_t *gone;     /* ids that were known */
    size_t gone_count;
} copied;

/* ---- Sums ---- */

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

#define NOWHERE UINT32_MAX

static uint32_t place_of(const copied *all, uint64_t stack_id) {
    uint32_t place = all->place_of[spprof_stack_slot(stack_id)];
    return place < all->stacks.count && all->stacks.sites[place].stack_id == stack_id ? place : NOWHERE;
}

static spprof_sample *samples_of(const copied *all) {
    return (spprof_sample *)PyBytes_AS_STRING(all->samples);
}

static void sum_samples(copied *all) {
    const spprof_sample *samples = samples_of(all);
    for (size_t i = 0; i < all->stacks.count; i++)
        all->place_of[spprof_stack_slot(all->stacks.sites[i].stack_id)] = (uint32_t)i;
    for (size_t i = 0; i < all->count; i++) {
        uint32_t place = place_of(all, samples[i].stack_id);
        if (place != NOWHERE) add_sample(&all->sums[place], &samples[i]);
    }
}

/* ---- What has changed ---- */

static bool has_samples(const live_sums *live, const spprof_site *ever) {
    return ever->allocated.samples > 0 || live->count > 0;
}

/* SplitMix64's finisher over word after word. */
static uint64_t mixed(uint64_t value, const void *data, size_t bytes) {
    const char *at = data;
    for (uint64_t word; bytes >= sizeof word; at += sizeof word, bytes -= sizeof word) {
        memcpy(&word, at, sizeof word);
        value = (value ^ word) + UINT64_C(0x9E3779B97F4A7C15);
        value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
        value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
        value ^= value >> 31;
    }
    return value;
}

static void take_fingerprints(copied *all) {
    for (size_t i = 0; i < all->stacks.count; i++) {
        const spprof_site *site = &all->stacks.sites[i];
        uint64_t value = mixed(((uint64_t)site->birth << 32) + site->labels, &all->sums[i], sizeof all->sums[i]);
        value = mixed(value, &site->allocated, sizeof site->allocated);
        value = mixed(value, site->at_peak, sizeof site->at_peak);
        all->fingerprints[i] = (fingerprint){.stack_id = site->stack_id, .value = value};
    }
}

typedef struct large {
    uint64_t serial;
    uint32_t place;
} large;

static int by_serial(const void *one, const void *other) {
    uint64_t left = *(const uint64_t *)one, right = *(const uint64_t *)other;
    return (left > right) - (left < right);
}

/* In how far large blocks are in memory is a part of what their stack is. Blocks come in no order that matters. */
static void add_residency(copied *all, const char *blocks, size_t count, large *found, size_t founds) {
    qsort(found, founds, sizeof *found, by_serial);
    for (size_t i = 0; i < count; i++) {
        uint64_t block[3];
        memcpy(block, blocks + i * sizeof block, sizeof block);
        const large *its = bsearch(block, found, founds, sizeof *found, by_serial);
        if (its) all->fingerprints[its->place].value += mixed(0, block, sizeof block);
    }
}

/* Without memory for it, what is in memory of a block is told late. */
static void see_residency(copied *all, PyObject *blocks) {
    const spprof_sample *samples = samples_of(all);
    size_t count = blocks == Py_None ? 0 : (size_t)PyBytes_GET_SIZE(blocks) / (3 * sizeof(uint64_t)), founds = 0;
    spprof_pause();
    large *found = PyMem_RawMalloc((count + 1) * sizeof *found);
    spprof_resume();
    for (size_t i = 0; found && i < all->count && founds < count; i++) {
        uint32_t place = samples[i].size < SPPROF_LARGE_BLOCK ? NOWHERE : place_of(all, samples[i].stack_id);
        if (place != NOWHERE) found[founds++] = (large){samples[i].serial, place};
    }
    if (founds > 0) add_residency(all, PyBytes_AS_STRING(blocks), count, found, founds);
    PyMem_RawFree(found);
}

/* Notes when each stack changed, and marks those that did not after `since`; true where `known` has no such stack. */
static bool compare(copied *all, const fingerprint *known, int64_t since) {
    uint32_t place = place_of(all, known->stack_id);
    if (place == NOWHERE) return false;
    fingerprint *now = &all->fingerprints[place];
    if (now->value == known->value) now->changed = known->changed;
    all->is_known[place] = now->changed <= since;
    return true;
}

static void compare_all(copied *all, const sp_snapshot_known *known) {
    for (size_t i = 0; i < all->stacks.count; i++) all->fingerprints[i].changed = known->number;
    for (size_t i = 0; i < known->count; i++) {
        fingerprint one;
        memcpy(&one, known->fingerprints + i * sizeof one, sizeof one);
        if (!compare(all, &one, known->since)) all->gone[all->gone_count++] = one.stack_id;
    }
}

static void leave_out_known(copied *all) {
    spprof_sample *samples = samples_of(all);
    size_t kept = 0;
    for (size_t i = 0; i < all->count; i++) {
        uint32_t place = place_of(all, samples[i].stack_id);
        if (place == NOWHERE || !all->is_known[place]) samples[kept++] = samples[i];
    }
    all->count = kept;
}

static PyObject *pack_fingerprints(const copied *all) {
    size_t count = 0;
    spprof_pause(); /* as the copy of the samples */
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(all->stacks.count * sizeof(fingerprint)));
    for (size_t i = 0; bytes && i < all->stacks.count; i++)
        if (has_samples(&all->sums[i], &all->stacks.sites[i]))
            memcpy(PyBytes_AS_STRING(bytes) + count++ * sizeof(fingerprint), &all->fingerprints[i],
                   sizeof(fingerprint));
    if (bytes) _PyBytes_Resize(&bytes, (Py_ssize_t)(count * sizeof(fingerprint)));
    spprof_resume();
    return bytes;
}

/* ---- Sites ---- */

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

/* Those that are wanted. */
static PyObject *convert_sites(const copied *all) {
    PyObject *sites = PyList_New(0);
    for (size_t i = 0; sites && i < all->stacks.count; i++) {
        const spprof_site *ever = &all->stacks.sites[i];
        if (all->is_known[i] || !has_samples(&all->sums[i], ever)) continue;
        PyObject *site = convert_site(&all->sums[i], ever, sp_convert_words_with_gil(&all->stacks, ever));
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

/* Those of the wanted stacks that have a part of a peak. Packed: an object for each number would cost more than all the
 * rest. */
static PyObject *pack_peaks(const copied *all) {
    const sp_stacks_copy *stacks = &all->stacks;
    size_t count = 0;
    for (size_t i = 0; i < stacks->count; i++) count += !all->is_known[i] && has_part(&stacks->sites[i]);
    spprof_pause(); /* as the copy of the samples */
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof(packed_peak)));
    spprof_resume();
    if (!bytes) return NULL;
    char *at = PyBytes_AS_STRING(bytes);
    for (size_t i = 0; i < stacks->count; i++) {
        if (all->is_known[i] || !has_part(&stacks->sites[i])) continue;
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

static bool make_room(copied *all, size_t known) {
    size_t count = all->stacks.count + 1;
    spprof_pause(); /* freed in free_all, and none of the program's */
    all->sums = PyMem_RawCalloc(count, sizeof *all->sums);
    all->fingerprints = PyMem_RawCalloc(count, sizeof *all->fingerprints);
    all->is_known = PyMem_RawCalloc(count, sizeof *all->is_known);
    all->place_of = PyMem_RawCalloc((size_t)1 << SPPROF_STACK_SLOT_BITS, sizeof *all->place_of);
    all->gone = PyMem_RawCalloc(known + 1, sizeof *all->gone);
    spprof_resume();
    if (all->sums && all->fingerprints && all->is_known && all->place_of && all->gone) return true;
    PyErr_NoMemory();
    return false;
}

static void free_all(copied *all) {
    PyMem_RawFree(all->gone);
    PyMem_RawFree(all->place_of);
    PyMem_RawFree(all->is_known);
    PyMem_RawFree(all->fingerprints);
    PyMem_RawFree(all->sums);
    sp_stacks_copy_free(&all->stacks);
    Py_XDECREF(all->samples);
}

static bool copy_all(copied *all, uint64_t after_serial, size_t known) {
    *all = (copied){.samples = NULL};
    spprof_keep_stacks();
    all->samples = copy_samples(&all->count);
    bool whole = all->samples && sp_stacks_copy_with_gil(&all->stacks, false);
    spprof_let_stacks_go();
    if (!whole || !make_room(all, known)) return false;
    Py_BEGIN_ALLOW_THREADS
    all->count = keep_later_than(samples_of(all), all->count, after_serial);
    sum_samples(all);
    take_fingerprints(all);
    Py_END_ALLOW_THREADS
    return true;
}

static bool cut_samples(copied *all) {
    spprof_pause();
    int resized = _PyBytes_Resize(&all->samples, (Py_ssize_t)(all->count * sizeof(spprof_sample)));
    spprof_resume();
    return resized == 0;
}

static PyObject *pack_gone(const copied *all) {
    return PyBytes_FromStringAndSize((const char *)all->gone, (Py_ssize_t)(all->gone_count * sizeof *all->gone));
}

/* Steals `blocks`. */
static PyObject *convert_copied(copied *all, const spprof_stats *stats, const char *native_mode, PyObject *blocks) {
    PyObject *sites = cut_samples(all) ? convert_sites(all) : NULL;
    PyObject *counters = sites ? sp_convert_counters_with_gil(stats, native_mode) : NULL;
    PyObject *offset = counters ? PyLong_FromLongLong(sp_wall_clock_offset_ns()) : NULL;
    PyObject *peaks = offset ? pack_peaks(all) : NULL;
    PyObject *prints = peaks ? pack_fingerprints(all) : NULL;
    PyObject *gone = prints ? pack_gone(all) : NULL;
    PyObject *result =
        gone ? PyTuple_Pack(8, all->samples, sites, counters, offset, peaks, blocks, prints, gone) : NULL;
    Py_XDECREF(gone);
    Py_XDECREF(prints);
    Py_XDECREF(peaks);
    Py_XDECREF(offset);
    Py_XDECREF(counters);
    Py_XDECREF(sites);
    Py_DECREF(blocks);
    return result;
}

PyObject *sp_snapshot_with_gil(uint64_t after_serial, const sp_snapshot_known *known, const char *native_mode) {
    copied all;
    spprof_stats stats;
    PyObject *result = NULL;
    if (copy_all(&all, after_serial, known->count)) {
        spprof_get_stats(&stats);
        PyObject *blocks = sp_resident_blocks_with_gil(samples_of(&all), all.count);
        if (blocks) {
            see_residency(&all, blocks);
            Py_BEGIN_ALLOW_THREADS
            compare_all(&all, known);
            leave_out_known(&all);
            Py_END_ALLOW_THREADS
            result = convert_copied(&all, &stats, native_mode, blocks);
        }
    }
    free_all(&all);
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

PyObject *sp_snapshot_without_with_gil(PyObject *packed, PyObject *stack_ids) {
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
