/* resident.c: the contract's extents, measured by the operating system's means. */
#include "residency.h"

#include "memory.h"
#include "spprof.h"

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
