#include "mapped_list.h"

#include "maps.h"

typedef struct list {
    sp_mapped_visitor *visit;
    void *data;
} list;

static bool visit_map(const sp_map *map, void *data) {
    const list *of = data;
    of->visit(of->data, map->start, map->end);
    return true;
}

bool sp_mapped_list_visit(sp_mapped_visitor *visit, void *data) {
    list of = {.visit = visit, .data = data};
    return sp_maps_each(false, visit_map, &of);
}
