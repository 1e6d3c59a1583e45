#include "native_names.h"

#include <stdbool.h>

#define ADDRESS_MASK ((UINT64_C(1) << SPPROF_FRAME_GENERATION_SHIFT) - 1)

static sp_native_name *all_of(const sp_native_names *names, size_t *count) {
    *count = names->frames.length / sizeof(sp_native_name);
    return (sp_native_name *)(void *)names->frames.data; /* mapped, so aligned for any type */
}

void sp_native_names_add(sp_native_names *names, uint64_t frame) {
    sp_native_name one = {.frame = frame};
    sp_buffer_put(&names->frames, (const char *)&one, sizeof one);
}

/* ---- Each frame once, in ascending order: within a generation, addresses ascend ---- */

static void sink(sp_native_name *all, size_t at, size_t count) {
    sp_native_name sinking = all[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && all[child + 1].frame > all[child].frame) child++;
        if (all[child].frame <= sinking.frame) break;
        all[at] = all[child];
    }
    all[at] = sinking;
}

/* Heap sort, because libc's qsort may allocate. */
static void sort(sp_native_name *all, size_t count) {
    for (size_t at = count / 2; at-- > 0;) sink(all, at, count);
    for (size_t last = count; last-- > 1;) {
        sp_native_name largest = all[0];
        all[0] = all[last];
        all[last] = largest;
        sink(all, 0, last);
    }
}

static size_t keep_each_once(sp_native_name *all, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || all[kept - 1].frame != all[i].frame) all[kept++] = all[i];
    return kept;
}

/* ---- One object ---- */

/* The frames of an object, which are adjacent. */
typedef struct part {
    sp_native_name *first;
    size_t count;
} part;

static bool is_in(const spprof_module *module, const sp_native_name *name) {
    uint64_t before = (name->frame & ADDRESS_MASK) - 1; /* an address inside the call */
    return name->frame >> SPPROF_FRAME_GENERATION_SHIFT == module->generation && before >= module->start &&
           before < module->end;
}

static part part_in(const spprof_module *module, sp_native_name *all, size_t count) {
    part found = {.first = all};
    size_t at = 0;
    while (at < count && !is_in(module, &all[at])) at++;
    found.first = all + at;
    while (at + found.count < count && is_in(module, &all[at + found.count])) found.count++;
    return found;
}

static void note_module(const part *part, const spprof_module *module, uint32_t index) {
    for (size_t i = 0; i < part->count; i++) {
        part->first[i].module = index + 1;
        part->first[i].in_file = (part->first[i].frame & ADDRESS_MASK) - module->base;
    }
}

static void note_names(const part *part, const spprof_symbols *symbols, size_t begin) {
    for (size_t i = 0; i < part->count; i++) {
        const spprof_symbol *symbol = &symbols->found[i];
        bool is_whole = (size_t)symbol->name + symbol->length <= symbols->names_capacity;
        if (symbol->length == 0 || !is_whole) continue;
        part->first[i].start = symbol->start;
        part->first[i].name = begin + symbol->name;
        part->first[i].name_length = symbol->length;
    }
}

/* Append zeroed room. Return NULL if there is no memory. */
static char *room(sp_buffer *buffer, size_t bytes) {
    static const char zeros[4096];
    size_t begin = buffer->length;
    for (size_t done = 0; done < bytes; done += sizeof zeros)
        sp_buffer_put(buffer, zeros, bytes - done < sizeof zeros ? bytes - done : sizeof zeros);
    return buffer->is_short ? NULL : buffer->data + begin;
}

/* Usually enough for the names of one part; if not, the names are requested again. */
#define NAME_BYTES 64

typedef struct lookup {
    sp_buffer addresses, found;
} lookup;

static spprof_symbols_status look_up(sp_native_names *names, const part *part, const spprof_module *module, lookup *at,
                                     size_t capacity, size_t *needed) {
    size_t begin = names->functions.length;
    char *text = room(&names->functions, capacity);
    if (!text) return SPPROF_SYMBOLS_OUT_OF_MEMORY;
    spprof_symbols_query query = {.path = module->path,
                                  .build_id = module->build_id,
                                  .build_id_length = module->build_id_length,
                                  .addresses = (const uint64_t *)(const void *)at->addresses.data,
                                  .count = part->count};
    spprof_symbols symbols = {
        .found = (spprof_symbol *)(void *)at->found.data, .names = text, .names_capacity = capacity};
    spprof_symbols_status status = spprof_symbols_find(&query, &symbols);
    *needed = symbols.names_length;
    if (status == SPPROF_SYMBOLS_FOUND && *needed <= capacity) note_names(part, &symbols, begin);
    return status;
}

static void learn_part(sp_native_names *names, const part *part, const spprof_module *module) {
    lookup at = {0};
    size_t needed = 0, capacity = part->count * NAME_BYTES;
    for (size_t i = 0; i < part->count; i++) {
        uint64_t address = part->first[i].in_file - 1;
        sp_buffer_put(&at.addresses, (const char *)&address, sizeof address);
    }
    bool has_room = room(&at.found, part->count * sizeof(spprof_symbol)) && !at.addresses.is_short;
    if (has_room && look_up(names, part, module, &at, capacity, &needed) == SPPROF_SYMBOLS_FOUND && needed > capacity)
        look_up(names, part, module, &at, needed, &needed);
    sp_buffer_free(&at.addresses);
    sp_buffer_free(&at.found);
}

void sp_native_names_learn(sp_native_names *names) {
    size_t count;
    spprof_module module;
    sp_native_name *all = all_of(names, &count);
    sort(all, count);
    count = keep_each_once(all, count);
    names->frames.length = count * sizeof *all;
    for (uint32_t index = 0; spprof_module_get(index, &module); index++) {
        part found = part_in(&module, all, count);
        if (found.count == 0 || found.first->module != 0) continue; /* the same object, recorded by two threads */
        note_module(&found, &module, index);
        learn_part(names, &found, &module);
    }
}

const sp_native_name *sp_native_names_find(const sp_native_names *names, uint64_t frame) {
    size_t low = 0, high;
    const sp_native_name *all = all_of(names, &high);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (all[middle].frame == frame) return &all[middle];
        if (all[middle].frame < frame)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void sp_native_names_free(sp_native_names *names) {
    sp_buffer_free(&names->frames);
    sp_buffer_free(&names->functions);
}
