#include "modules.h"

#include "arena.h"
#include "path.h"

#include <stdatomic.h>
#include <string.h>

typedef struct record {
    spprof_module module;
    uint8_t build_id[SP_BUILD_ID_MAX];
    bool switches_stacks;
    _Atomic bool hidden;  /* since then, an object that did not fit has been seen at its location */
    _Atomic uint64_t met; /* when it was last seen: of several records at one location, the latest is current */
    char path[];
} record;

static sp_arena arena;
static _Atomic(record *) records[SP_MODULES_MAX];
static _Atomic uint32_t record_count;
static _Atomic uint64_t meetings;
static _Atomic bool reused;
static _Atomic bool any_switches_stacks;
static char program_path[SP_PATH_MAX];
static _Atomic bool program_path_claimed, program_path_known;

/* Several starts may run at the same time: the first one writes the path. */
void sp_modules_prepare(void) {
    if (atomic_exchange(&program_path_claimed, true)) return;
    if (!sp_path_of_program(program_path, sizeof program_path)) program_path[0] = '\0';
    atomic_store_explicit(&program_path_known, true, memory_order_release);
}

static const char *path_of_program(void) {
    return atomic_load_explicit(&program_path_known, memory_order_acquire) ? program_path : "";
}

static uint32_t count_records(void) {
    uint32_t count = atomic_load_explicit(&record_count, memory_order_acquire);
    return count < SP_MODULES_MAX ? count : SP_MODULES_MAX;
}

/* Return NULL if the record has been claimed but not yet filled in. */
static record *record_at(uint32_t index) {
    return atomic_load_explicit(&records[index], memory_order_acquire);
}

static bool overlaps(const record *known, const sp_object *object) {
    return known->module.start < object->end && object->start < known->module.end;
}

typedef struct identity {
    const sp_object *object;
    const char *path; /* as the loader stores it: may be relative */
    uint8_t build_id[SP_BUILD_ID_MAX];
    uint32_t build_id_length;
} identity;

static bool ends_with(const char *path, const char *end) {
    size_t path_length = strlen(path), end_length = strlen(end);
    return path_length >= end_length && strcmp(path + path_length - end_length, end) == 0;
}

static bool is_same(const record *known, const identity *met) {
    const spprof_module *module = &known->module;
    return module->start == met->object->start && module->end == met->object->end &&
           module->base == met->object->base && module->build_id_length == met->build_id_length &&
           memcmp(known->build_id, met->build_id, met->build_id_length) == 0 && ends_with(known->path, met->path);
}

/* Return the object's record. If the object is new, return NULL and set the generation that it will have. */
static record *find_known(const identity *met, uint32_t *generation) {
    *generation = 0;
    for (uint32_t i = count_records(); i-- > 0;) {
        record *known = record_at(i);
        if (!known || !overlaps(known, met->object)) continue;
        if (is_same(known, met)) return known;
        if (known->module.generation >= *generation) *generation = known->module.generation + 1;
    }
    return NULL;
}

static void meet(record *known) {
    atomic_store_explicit(&known->hidden, false, memory_order_relaxed);
    atomic_store_explicit(&known->met, atomic_fetch_add(&meetings, 1) + 1, memory_order_relaxed);
}

static bool has_switching_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return strncmp(slash ? slash + 1 : path, "_greenlet.", 10) == 0;
}

static bool is_relative(const char *path) {
    return path[0] != '/' && strchr(path, '/');
}

/* Copy a path. If it is relative to the current working folder, make it absolute. */
static void copy_path(char *to, const char *path) {
    if (is_relative(path) && sp_path_of_folder(to, SP_PATH_MAX)) to = stpcpy(to + strlen(to), "/");
    strcpy(to, path);
}

static record *create_record(const identity *met, uint32_t generation) {
    size_t path_bytes = strlen(met->path) + 1 + (is_relative(met->path) ? SP_PATH_MAX + 1 : 0);
    record *created = sp_arena_allocate(&arena, sizeof *created + path_bytes);
    if (!created) return NULL;
    copy_path(created->path, met->path);
    memcpy(created->build_id, met->build_id, sizeof created->build_id);
    created->switches_stacks = has_switching_name(met->path);
    created->module = (spprof_module){.start = met->object->start,
                                      .end = met->object->end,
                                      .base = met->object->base,
                                      .path = created->path,
                                      .build_id = created->build_id,
                                      .build_id_length = met->build_id_length,
                                      .generation = generation};
    return created;
}

/* Hide the records at the object's location: they do not describe this object. */
static void hide_known(const sp_object *object) {
    for (uint32_t i = count_records(); i-- > 0;) {
        record *known = record_at(i);
        if (!known || !overlaps(known, object)) continue;
        atomic_store_explicit(&known->hidden, true, memory_order_relaxed);
        atomic_store(&reused, true);
    }
}

static void add(const identity *met, uint32_t generation) {
    bool full = count_records() == SP_MODULES_MAX || generation >= SP_MODULES_UNKNOWN;
    record *created = full ? NULL : create_record(met, generation);
    if (!created) {
        hide_known(met->object);
        return;
    }
    meet(created);
    uint32_t index = atomic_fetch_add(&record_count, 1);
    if (index >= SP_MODULES_MAX) return;
    atomic_store_explicit(&records[index], created, memory_order_release);
    if (generation) atomic_store(&reused, true);
    if (created->switches_stacks) atomic_store(&any_switches_stacks, true);
}

void sp_modules_note(const sp_object *object) {
    identity met = {.object = object, .path = object->path[0] ? object->path : path_of_program()};
    met.build_id_length = (uint32_t)sp_objects_read_build_id(object, met.build_id);
    uint32_t generation;
    record *known = find_known(&met, &generation);
    if (known)
        meet(known);
    else
        add(&met, generation);
}

bool sp_modules_get(uint32_t index, spprof_module *module) {
    if (index >= count_records()) return false;
    const record *known = record_at(index);
    *module = known ? known->module : (spprof_module){.path = "", .build_id = (const uint8_t *)""};
    return true;
}

bool sp_modules_reused(void) {
    return atomic_load_explicit(&reused, memory_order_relaxed);
}

static uint64_t time_met(const record *known) {
    return atomic_load_explicit(&known->met, memory_order_relaxed);
}

static const record *latest_at(uintptr_t address) {
    const record *latest = NULL;
    for (uint32_t i = count_records(); i-- > 0;) {
        const record *known = record_at(i);
        if (!known || address < known->module.start || address >= known->module.end) continue;
        if (!latest || time_met(known) > time_met(latest)) latest = known;
    }
    return latest;
}

uint32_t sp_modules_generation(uintptr_t address) {
    const record *latest = latest_at(address);
    if (!latest) return 0;
    return atomic_load_explicit(&latest->hidden, memory_order_relaxed) ? SP_MODULES_UNKNOWN : latest->module.generation;
}

bool sp_modules_switches_stacks(uintptr_t address) {
    if (!atomic_load_explicit(&any_switches_stacks, memory_order_relaxed)) return false;
    const record *latest = latest_at(address);
    return latest && latest->switches_stacks;
}
