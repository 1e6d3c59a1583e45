/* resident.c: measures extents and files with what the operating system provides. */
#include "maps.h"
#include "memory.h"
#include "residency.h"
#include "spprof.h"
#include "tasks.h"
#include "thread.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(SPPROF_NOT_KNOWN == SP_NOT_KNOWN, "passed on unchanged");

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

void spprof_find_present(uint64_t start, size_t count, unsigned char *is_present) {
    sp_memory_find_present((uintptr_t)start, count, is_present);
}

static int by_start(const void *one, const void *other) {
    uint64_t first = ((const spprof_extent *)one)->start, second = ((const spprof_extent *)other)->start;
    return first < second ? -1 : first > second;
}

size_t spprof_own_extents(spprof_extent *extents, size_t capacity) {
    size_t bytes = SP_MEMORY_LISTED * sizeof(sp_own_pages);
    sp_own_pages *pages = sp_memory_map(bytes);
    if (!pages) return 0;
    size_t count = sp_memory_list(pages, capacity < SP_MEMORY_LISTED ? capacity : SP_MEMORY_LISTED);
    for (size_t i = 0; i < count; i++) extents[i] = (spprof_extent){.start = pages[i].start, .size = pages[i].size};
    sp_memory_unmap(pages, bytes);
    qsort(extents, count, sizeof *extents, by_start);
    return spprof_measure_resident(extents, count) ? count : 0;
}

#define PATH_SIZE 4096

#define MAPS_OF_A_FILE 16

/* The parts of an object are adjacent, and its code is among them. So a file's parts are kept until the next file's
 * parts begin. */
typedef struct files {
    spprof_file_visitor *visit;
    void *data;
    char path[PATH_SIZE];
    char code[PATH_SIZE]; /* the last code's file: memory without a file may come before its last part */
    spprof_file_map held[MAPS_OF_A_FILE];
    size_t count;
    bool has_code;
} files;

static void tell(files *of) {
    bool is_code = of->has_code || strcmp(of->path, of->code) == 0;
    if (of->has_code) strcpy(of->code, of->path);
    for (size_t i = 0; i < of->count; i++) {
        of->held[i].path = of->path;
        of->held[i].is_code = is_code;
        of->visit(&of->held[i], of->data);
    }
    of->count = 0;
    of->has_code = false;
}

static bool visit_map(const sp_map *map, void *data) {
    files *of = data;
    bool is_same = map->inode != 0 && strcmp(map->path, of->path) == 0 && of->count < MAPS_OF_A_FILE;
    if (!is_same) tell(of);
    if (map->inode == 0 || strlen(map->path) >= sizeof of->path) return true;
    if (!is_same) strcpy(of->path, map->path);
    of->has_code |= map->is_executable;
    of->held[of->count++] = (spprof_file_map){
        .start = map->start, .end = map->end, .is_shared = map->is_shared, .is_writable = map->is_writable};
    return true;
}

bool spprof_each_file(spprof_file_visitor *visit, void *data) {
    files *of = sp_memory_map(sizeof *of);
    if (!of) return false;
    *of = (files){.visit = visit, .data = data};
    bool whole = sp_maps_each_file(visit_map, of);
    tell(of);
    sp_memory_unmap(of, sizeof *of);
    return whole;
}

bool spprof_read_list(bool measured, spprof_text_visitor *visit, void *data) {
    return sp_maps_read_text(measured, visit, data);
}

bool spprof_copy_memory(void *to, uint64_t from, size_t bytes) {
    return sp_memory_copy_by_kernel(to, (uintptr_t)from, bytes);
}

void spprof_rest(void) {
    sp_thread_rest();
}

_Static_assert(SPPROF_THREAD_NAME_SIZE == SP_TASK_NAME_SIZE, "passed on unchanged");

void spprof_thread_name(uint32_t thread_id, char name[SPPROF_THREAD_NAME_SIZE]) {
    sp_task_name(thread_id, name);
}

bool spprof_each_thread(spprof_thread_visitor *visit, void *data) {
    return sp_tasks_each(visit, data);
}
