#include "describe.h"

#include "compact_unwind.h"
#include "dwarf_reader.h"
#include "edge_row.h"
#include "macho_image.h"
#include "signal_frame.h"

static const uint8_t *code_at(uintptr_t pc) {
    return (const uint8_t *)pc;
}

/* ---- DWARF ---- */

/* The entry's offset has 24 bits. If the description is farther away, it is 0. */
static bool describe_by_dwarf(const sp_object *object, uint32_t offset, uintptr_t pc, sp_description *found) {
    sp_eh_image image = {.start = code_at(object->start), .end = code_at(object->end)};
    uintptr_t first = (uintptr_t)object->eh_start;
    if (!first) return false;
    bool is_read = offset > 0 && sp_eh_frame_read(&image, first + offset, pc, &found->fde);
    return (is_read || sp_eh_frame_search(&image, first, pc, &found->fde)) &&
           sp_cfi_row_at(&image, &found->fde, pc, &found->row);
}

/* ---- Compact descriptions ---- */

static sp_compact_image compact_image(const sp_object *object) {
    return (sp_compact_image){.start = code_at(object->start),
                              .end = code_at(object->end),
                              .info = object->compact,
                              .info_end = object->compact_end};
}

static sp_fde fde_of(const sp_object *object, const sp_compact_entry *entry) {
    return (sp_fde){.pc_start = object->start + entry->start,
                    .pc_end = object->start + entry->end,
                    .return_column = SP_REGISTER_RETURN};
}

/* Code that the table leaves out is a stub, or is unknown. */
static bool describe_stub(const sp_object *object, uintptr_t pc, sp_description *found) {
    sp_edge_code code = {code_at(pc), code_at(object->start), code_at(object->end)};
    uint32_t offset = (uint32_t)(pc - object->start);
    found->fde = fde_of(object, &(sp_compact_entry){.start = offset, .end = offset + 1});
    return sp_edge_row_of_stub(&code, &found->row);
}

static bool describe(const sp_object *object, uintptr_t pc, sp_description *found) {
    sp_compact_image image = compact_image(object);
    sp_edge_code code = {code_at(pc), image.start, image.end};
    sp_compact_entry entry;
    uint32_t eh_frame_offset;
    if (!image.info) return describe_by_dwarf(object, 0, pc, found);
    if (!sp_compact_unwind_find(&image, (uint32_t)(pc - object->start), &entry))
        return describe_stub(object, pc, found);
    switch (sp_compact_unwind_row(&image, &entry, &found->row, &eh_frame_offset)) {
    case SP_COMPACT_ROW:
        found->fde = fde_of(object, &entry);
        found->fde.signal_frame = sp_signal_frame_is_hidden(pc + 1); /* `pc` is in the call of the handler */
        sp_edge_row_of_function(&code, &found->row);
        return true;
    case SP_COMPACT_DWARF:
        return describe_by_dwarf(object, eh_frame_offset, pc, found);
    case SP_COMPACT_NONE:
        break;
    }
    return describe_stub(object, pc, found);
}

/* `pc` is one less than where a handler returns to. */
bool sp_describe(const sp_object *object, uintptr_t pc, sp_description *found) {
    if (pc < object->start || pc >= object->end || pc - object->start > UINT32_MAX) return false;
    if (!describe(object, pc, found)) return false;
    found->fde.signal_frame |= sp_signal_frame_is_hidden(pc + 1);
    return true;
}

/* ---- Functions ---- */

/* A description may be shared by adjacent functions, so it does not show where one begins. The distances between
 * functions do: ULEB128 numbers, from the object's start on. A zero ends them. */
bool sp_describe_function(const sp_object *object, uintptr_t pc, uintptr_t *start, uintptr_t *end) {
    sp_dwarf_reader reader = {.failed = false};
    if (pc < object->start || pc >= object->end) return false;
    if (!sp_macho_image_find_starts(object, &reader.at, &reader.end)) return false;
    uintptr_t at = object->start;
    *start = *end = 0;
    while (*end == 0 && reader.at < reader.end) {
        uint64_t distance = sp_dwarf_read_uleb(&reader);
        if (reader.failed || distance == 0 || distance >= object->end - at) break;
        at += distance;
        if (at <= pc)
            *start = at;
        else
            *end = at;
    }
    if (*end == 0) *end = object->end;
    return *start != 0;
}

/* ---- First functions ---- */

/* The kernel starts a thread with a frame pointer of 0. Its first function, in assembly, may save it. Elsewhere, code
 * that libraries contain always keeps a chain of frame pointers. */
bool sp_describe_is_first(uintptr_t pc, uintptr_t fp, sp_stack_memory *stack) {
    sp_object object;
    uintptr_t saved;
    if (!sp_objects_find(pc, &object)) return false;
    return fp == 0 || (fp % sizeof fp == 0 && sp_stack_memory_load(stack, fp, &saved) && saved == 0);
}
