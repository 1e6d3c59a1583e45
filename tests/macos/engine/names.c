#include "names.h"

#include <stdio.h>
#include <string.h>

#define ADDRESS_MASK ((UINT64_C(1) << SPPROF_FRAME_GENERATION_SHIFT) - 1)

static bool find_module(uint64_t frame, spprof_module *module) {
    uint64_t address = frame & ADDRESS_MASK, generation = frame >> SPPROF_FRAME_GENERATION_SHIFT;
    for (uint32_t i = 0; spprof_module_get(i, module); i++)
        if (address >= module->start && address <= module->end && generation == module->generation) return true;
    return false;
}

/* A return address is behind the call. */
static void name_frame(uint64_t frame, char name[NAME_SIZE]) {
    static char text[SPPROF_SYMBOL_NAME_MAX];
    spprof_module module;
    spprof_symbol found;
    snprintf(name, NAME_SIZE, "?");
    if (!find_module(frame, &module)) return;
    uint64_t address = (frame & ADDRESS_MASK) - 1 - module.base;
    spprof_symbols_query query = {.path = module.path,
                                  .build_id = module.build_id,
                                  .build_id_length = module.build_id_length,
                                  .addresses = &address,
                                  .count = 1};
    spprof_symbols symbols = {.found = &found, .names = text, .names_capacity = sizeof text};
    if (spprof_symbols_find(&query, &symbols) == SPPROF_SYMBOLS_FOUND && found.length > 0)
        snprintf(name, NAME_SIZE, "%.*s", (int)found.length, text + found.name);
}

names names_of(const spprof_stack *stack) {
    names all = {.truncated = stack->truncated};
    for (uint32_t i = 0; i < stack->count && i < NAMES_MAX; i++) name_frame(stack->frames[i], all.name[all.count++]);
    return all;
}

static bool begins_at(const names *stack, uint32_t at, const char *const *wanted) {
    for (; *wanted; wanted++, at++)
        if (at >= stack->count || strcmp(stack->name[at], *wanted) != 0) return false;
    return true;
}

bool names_include(const names *stack, const char *const *wanted) {
    for (uint32_t at = 0; at < stack->count; at++)
        if (begins_at(stack, at, wanted)) return true;
    return false;
}

void names_print(const names *stack) {
    for (uint32_t i = 0; i < stack->count; i++) fprintf(stderr, "    %s\n", stack->name[i]);
    if (stack->truncated) fprintf(stderr, "    (truncated)\n");
}
