#include "image_table.h"

#include "arena.h"
#include "macho_image.h"

#include <stdatomic.h>
#include <string.h>

typedef struct record {
    struct record *next; /* the one that was created before it */
    sp_object object;
    uint8_t uuid[SP_BUILD_ID_MAX];
    size_t uuid_length;
    _Atomic bool loaded;
    char path[];
} record;

/* The range may belong to an earlier record. It only saves readers from reading all records. */
typedef struct slot {
    _Atomic uintptr_t start, end;
    _Atomic(record *) record; /* stored last; NULL: free */
} slot;

static sp_arena arena;
static _Atomic(record *) newest;
static slot slots[SP_IMAGES_MAX];
static _Atomic size_t slot_count; /* the slots after these have never been used */
static record claimed;            /* in a slot that is being filled; its range is empty */

/* ---- Records ---- */

static bool is_same(const record *known, const record *other, const char *path) {
    return known->object.start == other->object.start && known->object.end == other->object.end &&
           known->object.base == other->object.base && known->object.compact == other->object.compact &&
           known->object.eh_start == other->object.eh_start && known->uuid_length == other->uuid_length &&
           memcmp(known->uuid, other->uuid, sizeof known->uuid) == 0 && strcmp(known->path, path) == 0;
}

static record *create(const record *content, const char *path) {
    record *created = sp_arena_allocate(&arena, sizeof *created + strlen(path) + 1);
    if (!created) return NULL;
    created->object = content->object;
    created->object.path = strcpy(created->path, path);
    memcpy(created->uuid, content->uuid, sizeof created->uuid);
    created->uuid_length = content->uuid_length;
    created->next = atomic_load(&newest);
    while (!atomic_compare_exchange_weak(&newest, &created->next, created)) continue;
    return created;
}

static record *find_or_create(const record *content, const char *path) {
    for (record *known = atomic_load(&newest); known; known = known->next)
        if (is_same(known, content, path)) return known;
    return create(content, path);
}

/* ---- Slots ---- */

static size_t used_slots(void) {
    return atomic_load_explicit(&slot_count, memory_order_acquire);
}

static slot *claim_slot(void) {
    for (size_t i = 0; i < SP_IMAGES_MAX; i++) {
        record *none = NULL;
        if (!atomic_compare_exchange_strong(&slots[i].record, &none, &claimed)) continue;
        size_t count = used_slots();
        while (count <= i && !atomic_compare_exchange_weak(&slot_count, &count, i + 1)) continue;
        return &slots[i];
    }
    return NULL;
}

static void publish(record *added) {
    slot *slot = claim_slot();
    if (!slot) return;
    atomic_store_explicit(&slot->start, added->object.start, memory_order_relaxed);
    atomic_store_explicit(&slot->end, added->object.end, memory_order_relaxed);
    atomic_store_explicit(&slot->record, added, memory_order_release);
}

/* Return the record in the slot, or NULL. */
static record *record_in(const slot *slot) {
    record *found = atomic_load_explicit(&slot->record, memory_order_acquire);
    return found == &claimed ? NULL : found;
}

/* ---- Changes ---- */

void sp_image_table_add(const uint8_t *header, const char *path) {
    record content = {.next = NULL};
    if (!sp_macho_image_read(header, &content.object)) return;
    content.uuid_length = sp_macho_image_read_uuid(&content.object, content.uuid);
    record *added = find_or_create(&content, path);
    if (added && !atomic_exchange(&added->loaded, true)) publish(added);
}

bool sp_image_table_remove(const uint8_t *header) {
    bool found = false;
    for (size_t i = 0; i < used_slots(); i++) {
        record *removed = record_in(&slots[i]);
        if (!removed || removed->object.start != (uintptr_t)header) continue;
        atomic_store(&slots[i].record, NULL);
        atomic_store(&removed->loaded, false);
        found = true;
    }
    return found;
}

/* ---- Reading ---- */

static bool is_in(uintptr_t pc, uintptr_t start, uintptr_t end) {
    return pc >= start && pc < end;
}

bool sp_image_table_find(uintptr_t pc, sp_object *object) {
    size_t count = used_slots();
    for (size_t i = 0; i < count; i++) {
        uintptr_t start = atomic_load_explicit(&slots[i].start, memory_order_relaxed);
        if (!is_in(pc, start, atomic_load_explicit(&slots[i].end, memory_order_relaxed))) continue;
        const record *found = record_in(&slots[i]);
        if (!found || !is_in(pc, found->object.start, found->object.end)) continue;
        *object = found->object;
        return true;
    }
    return false;
}

bool sp_image_table_find_uuid(const uint8_t *uuid, size_t length, sp_object *object) {
    for (size_t i = 0; length > 0 && i < used_slots(); i++) {
        const record *found = record_in(&slots[i]);
        if (!found || found->uuid_length != length || memcmp(found->uuid, uuid, length) != 0) continue;
        *object = found->object;
        return true;
    }
    return false;
}
