/* resident.c: the contract's extents and files, by the operating system's means. */
#include "maps.h"
#include "memory.h"
#include "residency.h"
#include "spprof.h"
#include "tasks.h"

#include <string.h>

_Static_assert(SPPROF_NOT_KNOWN == SP_NOT_KNOWN, "passed on as it is");

static bool measure(spprof_extent *extents, size_t count, sp_extent *room) {
    for (size_t i = 0; i < count; i++) room[i] = (sp_extent){.start = extents[i].start, .size = extents[i].size};
    bool known = sp_residency_measure(room, count, SP_RESIDENCY_SCAN) != SP_RESIDENCY_NONE;
    for (size_t i = 0; i < count; i++) {
        extents[i].resident = room[i].resident;
        extents[i].swapped = room[i].swapped;
    }
    return known;
}

bool spprof_measure_resident(spprof_extent *extents, size_t count) {
    size_t bytes = (count + 1) * sizeof(sp_extent);
    sp_extent *room = sp_memory_map(bytes);
    for (size_t i = 0; !room && i < count; i++) extents[i].resident = extents[i].swapped = SPPROF_NOT_KNOWN;
    if (!room) return false;
    bool known = measure(extents, count, room);
    sp_memory_unmap(room, bytes);
    return known;
}

#define PATH_SIZE 4096

/* An object's code is mapped before its data. */
typedef struct files {
    spprof_file_visitor *visit;
    void *data;
    char code[PATH_SIZE]; /* the file of the last code */
} files;

static bool visit_map(const sp_map *map, void *data) {
    files *of = data;
    if (map->inode == 0) return true;
    if (map->is_executable && strlen(map->path) < sizeof of->code) strcpy(of->code, map->path);
    spprof_file_map file = {.start = map->start,
                            .end = map->end,
                            .path = map->path,
                            .is_shared = map->is_shared,
                            .is_writable = map->is_writable,
                            .is_code = map->is_executable || strcmp(map->path, of->code) == 0};
    of->visit(&file, of->data);
    return true;
}

bool spprof_each_file(spprof_file_visitor *visit, void *data) {
    files *of = sp_memory_map(sizeof *of);
    if (!of) return false;
    *of = (files){.visit = visit, .data = data};
    bool whole = sp_maps_each(false, visit_map, of);
    sp_memory_unmap(of, sizeof *of);
    return whole;
}

_Static_assert(SPPROF_THREAD_NAME_SIZE == SP_TASK_NAME_SIZE, "passed on as it is");

void spprof_thread_name(uint32_t thread_id, char name[SPPROF_THREAD_NAME_SIZE]) {
    sp_task_name(thread_id, name);
}
