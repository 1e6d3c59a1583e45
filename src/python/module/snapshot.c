#include "snapshot.h"

#include "convert.h"
#include "resident.h"
#include "wall_clock.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(spprof_sample) == 4 * 8 + 2 * 4 + 8, "SP_SAMPLE_FORMAT");

/* The sums over the live samples of one stack. */
typedef struct live_sums {
    uint64_t count, size, bytes, objects;
    double bytes_variance, bytes_skewness, objects_variance, objects_skewness;
} live_sums;

typedef struct fingerprint {
    uint64_t stack_id, value;
    int64_t changed; /* the number of the snapshot that first had this value */
} fingerprint;
_Static_assert(sizeof(fingerprint) == 3 * 8, "SP_FINGERPRINT_FORMAT");

/* A stack with live samples. */
typedef struct live_stack {
    uint64_t stack_id;
    live_sums sums;
    uint64_t residency; /* a hash of how much of its large blocks is resident */
    bool is_told;
} live_stack;

/* Copied while no stack can be evicted, so that each sample's stack is among the stacks. */
typedef struct copied {
    PyObject *samples;
    size_t count;
    live_stack *live;
    size_t live_count;
    uint32_t *place_of; /* per slot: 1 + the index of its live stack; 0: none */
    /* All stacks that have samples. */
    fingerprint *fingerprints;
    size_t fingerprint_count, fingerprint_room;
    /* The stacks that are reported. */
    sp_stacks_copy stacks;
    size_t room, frame_count, frame_room;
    /* The ids of stacks that the caller knew and that are gone. */
    uint64_t *gone;
    size_t gone_count;
} copied;

static const live_sums nothing;

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

static live_stack *live_of(const copied *all, uint64_t stack_id) {
    uint32_t place = all->place_of[spprof_stack_slot(stack_id)];
    return place > 0 && all->live[place - 1].stack_id == stack_id ? &all->live[place - 1] : NULL;
}

static spprof_sample *samples_of(const copied *all) {
    return (spprof_sample *)PyBytes_AS_STRING(all->samples);
}

/* No two stacks in one copy share a slot. */
static void sum_samples(copied *all) {
    const spprof_sample *samples = samples_of(all);
    for (size_t i = 0; i < all->count; i++) {
        uint32_t *place = &all->place_of[spprof_stack_slot(samples[i].stack_id)];
        if (*place == 0) {
            all->live[all->live_count].stack_id = samples[i].stack_id;
            *place = (uint32_t)++all->live_count;
        }
        live_stack *live = live_of(all, samples[i].stack_id);
        if (live) add_sample(&live->sums, &samples[i]);
    }
}

/* ---- Changes ---- */

/* Apply SplitMix64's finisher to one word after another. */
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

typedef struct large {
    uint64_t serial;
    live_stack *stack;
} large;

static int by_serial(const void *one, const void *other) {
    uint64_t left = *(const uint64_t *)one, right = *(const uint64_t *)other;
    return (left > right) - (left < right);
}

/* Add a hash of each large block's residency to that of its stack. The order of the blocks does not matter. */
static void add_residency(const char *blocks, size_t count, large *found, size_t founds) {
    qsort(found, founds, sizeof *found, by_serial);
    for (size_t i = 0; i < count; i++) {
        uint64_t block[3];
        memcpy(block, blocks + i * sizeof block, sizeof block);
        const large *its = bsearch(block, found, founds, sizeof *found, by_serial);
        if (its) its->stack->residency += mixed(0, block, sizeof block);
    }
}

/* If there is no memory for this, a change in a block's residency is reported late. */
static void see_residency(copied *all, PyObject *blocks) {
    const spprof_sample *samples = samples_of(all);
    size_t count = blocks == Py_None ? 0 : (size_t)PyBytes_GET_SIZE(blocks) / (3 * sizeof(uint64_t)), founds = 0;
    spprof_pause();
    large *found = PyMem_RawMalloc((count + 1) * sizeof *found);
    spprof_resume();
    for (size_t i = 0; found && i < all->count && founds < count; i++) {
        live_stack *stack = samples[i].size < SPPROF_LARGE_BLOCK ? NULL : live_of(all, samples[i].stack_id);
        if (stack) found[founds++] = (large){samples[i].serial, stack};
    }
    if (founds > 0) add_residency(PyBytes_AS_STRING(blocks), count, found, founds);
    PyMem_RawFree(found);
}

/* ---- Stacks, in batches ---- */

/* Stacks are copied in batches, because a copy of all of them would take more memory, and so more time, than
 * everything computed from it. */
#define STACKS_AT_ONCE 64
#define FRAMES_AT_ONCE (8 * SPPROF_STACK_FRAMES_MAX)

/* The known fingerprints, in slot order. */
typedef struct reading {
    const sp_snapshot_known *known;
    size_t at;
    uint64_t *frames;
} reading;

static bool make_room_for(void **rows, size_t count, size_t *room, size_t size) {
    if (count <= *room) return true;
    size_t wanted = count + count / 2 + 256;
    void *more = PyMem_RawRealloc(*rows, wanted * size);
    if (!more) return false;
    *rows = more;
    *room = wanted;
    return true;
}

static bool peek(const reading *of, fingerprint *next) {
    if (of->at >= of->known->count) return false;
    memcpy(next, of->known->fingerprints + of->at * sizeof *next, sizeof *next);
    return true;
}

/* Advance to the stack `id`; known stacks that come before it are gone. Return false if `id` was not known. */
static bool is_known(copied *all, reading *of, uint64_t id, fingerprint *known) {
    while (peek(of, known) && spprof_stack_slot(known->stack_id) <= spprof_stack_slot(id)) {
        of->at++;
        if (known->stack_id == id) return true;
        all->gone[all->gone_count++] = known->stack_id;
    }
    return false;
}

static fingerprint fingerprint_of(const spprof_site *site, const live_stack *live) {
    uint64_t value = mixed(((uint64_t)site->birth << 32) + site->labels, live ? &live->sums : &nothing, sizeof nothing);
    value = mixed(value, &site->allocated, sizeof site->allocated);
    value = mixed(value, site->at_peak, sizeof site->at_peak);
    return (fingerprint){.stack_id = site->stack_id, .value = value + (live ? live->residency : 0)};
}

static bool tell(copied *all, const spprof_site *site, const uint64_t *frames) {
    sp_stacks_copy *told = &all->stacks;
    if (!make_room_for((void **)&told->sites, told->count + 1, &all->room, sizeof *told->sites) ||
        !make_room_for((void **)&told->frames, all->frame_count + site->frame_count, &all->frame_room,
                       sizeof *told->frames))
        return false;
    memcpy(told->frames + all->frame_count, frames, site->frame_count * sizeof *frames);
    told->sites[told->count] = *site;
    told->sites[told->count++].first_frame = all->frame_count;
    all->frame_count += site->frame_count;
    return true;
}

static bool read_stack(copied *all, reading *of, const spprof_site *site, const uint64_t *frames) {
    live_stack *live = live_of(all, site->stack_id);
    if (site->allocated.samples == 0 && !live) return true;
    fingerprint now = fingerprint_of(site, live), before;
    bool same = is_known(all, of, site->stack_id, &before) && before.value == now.value;
    now.changed = same ? before.changed : of->known->number;
    if (!make_room_for((void **)&all->fingerprints, all->fingerprint_count + 1, &all->fingerprint_room, sizeof now))
        return false;
    all->fingerprints[all->fingerprint_count++] = now;
    if (now.changed <= of->known->since) return true;
    if (live) live->is_told = true;
    return tell(all, site, frames);
}

static bool read_stacks(copied *all, const sp_snapshot_known *known) {
    spprof_site sites[STACKS_AT_ONCE];
    reading of = {.known = known, .frames = PyMem_RawMalloc(FRAMES_AT_ONCE * sizeof *of.frames)};
    bool whole = of.frames != NULL;
    size_t count;
    for (uint32_t slot = 0;
         whole && (count = spprof_copy_stacks_behind(&slot, sites, STACKS_AT_ONCE, of.frames, FRAMES_AT_ONCE)) > 0;)
        for (size_t i = 0; whole && i < count; i++)
            whole = read_stack(all, &of, &sites[i], of.frames + sites[i].first_frame);
    for (fingerprint left; peek(&of, &left); of.at++) all->gone[all->gone_count++] = left.stack_id;
    PyMem_RawFree(of.frames);
    return whole;
}

static void leave_out_untold(copied *all) {
    spprof_sample *samples = samples_of(all);
    size_t kept = 0;
    for (size_t i = 0; i < all->count; i++) {
        const live_stack *live = live_of(all, samples[i].stack_id);
        if (live && live->is_told) samples[kept++] = samples[i];
    }
    all->count = kept;
}

static PyObject *pack(const void *rows, size_t count, size_t size) {
    spprof_pause(); /* not sampled, like the copy of the samples */
    PyObject *bytes = PyBytes_FromStringAndSize(rows, (Py_ssize_t)(count * size));
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

static PyObject *convert_sites(const copied *all) {
    PyObject *sites = PyList_New(0);
    for (size_t i = 0; sites && i < all->stacks.count; i++) {
        const spprof_site *ever = &all->stacks.sites[i];
        const live_stack *live = live_of(all, ever->stack_id);
        PyObject *words = sp_convert_words_with_gil(&all->stacks, ever);
        PyObject *site = convert_site(live ? &live->sums : &nothing, ever, words);
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

/* Return the stacks that had a share in a peak. They are packed, because an object for each number would cost more
 * than everything else. */
static PyObject *pack_peaks(const copied *all) {
    const sp_stacks_copy *stacks = &all->stacks;
    size_t count = 0;
    for (size_t i = 0; i < stacks->count; i++) count += has_part(&stacks->sites[i]);
    spprof_pause(); /* not sampled, like the copy of the samples */
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

/* Return all live samples as one bytes object. Other threads keep allocating, so there may be more samples than were
 * just counted. */
static PyObject *copy_samples(size_t *count) {
    spprof_stats stats;
    spprof_get_stats(&stats);
    size_t capacity = stats.live_samples + stats.live_samples / 8 + 256;
    for (;;) {
        spprof_pause(); /* otherwise the copy would be among the samples */
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
    spprof_pause(); /* freed in free_all, and not the program's memory */
    all->live = PyMem_RawCalloc(all->count + 1, sizeof *all->live);
    all->place_of = PyMem_RawCalloc((size_t)1 << SPPROF_STACK_SLOT_BITS, sizeof *all->place_of);
    all->gone = PyMem_RawCalloc(known + 1, sizeof *all->gone);
    spprof_resume();
    if (all->live && all->place_of && all->gone) return true;
    PyErr_NoMemory();
    return false;
}

static void free_all(copied *all) {
    spprof_pause();
    PyMem_RawFree(all->gone);
    PyMem_RawFree(all->fingerprints);
    PyMem_RawFree(all->place_of);
    PyMem_RawFree(all->live);
    sp_stacks_copy_free(&all->stacks);
    Py_XDECREF(all->samples);
    spprof_resume();
}

/* Copy and sum the live samples, and measure how much of each large block is resident. Return a new reference to the
 * measurements. */
static PyObject *copy_live(copied *all, uint64_t after_serial, size_t known) {
    all->samples = copy_samples(&all->count);
    if (!all->samples || !make_room(all, known)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    all->count = keep_later_than(samples_of(all), all->count, after_serial);
    sum_samples(all);
    Py_END_ALLOW_THREADS
    PyObject *blocks = sp_resident_blocks_with_gil(samples_of(all), all->count);
    if (blocks) see_residency(all, blocks);
    return blocks;
}

static bool copy_stacks(copied *all, const sp_snapshot_known *known) {
    bool whole;
    Py_BEGIN_ALLOW_THREADS
    spprof_pause();
    whole = read_stacks(all, known);
    leave_out_untold(all);
    spprof_resume();
    Py_END_ALLOW_THREADS
    if (!whole) PyErr_NoMemory();
    return whole;
}

static bool cut_samples(copied *all) {
    spprof_pause();
    int resized = _PyBytes_Resize(&all->samples, (Py_ssize_t)(all->count * sizeof(spprof_sample)));
    spprof_resume();
    return resized == 0;
}

/* Steals `blocks`. */
static PyObject *convert_copied(copied *all, const spprof_stats *stats, const char *native_mode, PyObject *blocks) {
    PyObject *sites = cut_samples(all) ? convert_sites(all) : NULL;
    PyObject *counters = sites ? sp_convert_counters_with_gil(stats, native_mode) : NULL;
    PyObject *offset = counters ? PyLong_FromLongLong(sp_wall_clock_offset_ns()) : NULL;
    PyObject *peaks = offset ? pack_peaks(all) : NULL;
    PyObject *prints = peaks ? pack(all->fingerprints, all->fingerprint_count, sizeof *all->fingerprints) : NULL;
    PyObject *gone = prints ? pack(all->gone, all->gone_count, sizeof *all->gone) : NULL;
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
    copied all = {.samples = NULL};
    spprof_stats stats;
    spprof_keep_stacks();
    PyObject *blocks = copy_live(&all, after_serial, known->count);
    bool whole = blocks && copy_stacks(&all, known);
    spprof_let_stacks_go();
    spprof_get_stats(&stats);
    PyObject *result = whole ? convert_copied(&all, &stats, native_mode, blocks) : NULL;
    if (!whole) Py_XDECREF(blocks);
    free_all(&all);
    return result;
}

/* All samples must be from the same snapshot: no two of its stacks share a slot. */
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
    spprof_pause(); /* not sampled, like the copy of the samples */
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
