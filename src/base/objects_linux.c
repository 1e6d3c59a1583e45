/* objects_linux.c: asks glibc's _dl_find_object, which takes no lock. Before 2.35 it uses a table instead, which is
 * refreshed whenever the loader may be entered.
 *
 *   sequence: odd while the table is being written; a reader that sees a change finds nothing
 */
#include "objects.h"

#include "memory.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>

/* glibc's struct dl_find_object, which headers before 2.35 do not declare. */
typedef struct found_object {
    unsigned long long flags;
    void *start, *end;
    struct link_map *link_map;
    void *eh_header;
    unsigned long long reserved[7];
} found_object;

typedef int find_function(void *pc, found_object *found);

static _Atomic(find_function *) direct;

/* ---- One object ---- */

#define HEADERS_MAX 64 /* program headers, which must be in the first page */
#define FIRST_PAGE 4096

static bool read_headers(const sp_object *object, const ElfW(Phdr) * *headers, unsigned *count) {
    const ElfW(Ehdr) *elf = (const ElfW(Ehdr) *)object->start;
    if (object->end - object->start < FIRST_PAGE || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0) return false;
    *count = elf->e_phnum;
    *headers = (const ElfW(Phdr) *)(object->start + elf->e_phoff);
    return elf->e_phnum <= HEADERS_MAX && elf->e_phoff <= FIRST_PAGE - elf->e_phnum * sizeof **headers;
}

static bool holds(const sp_object *object, const ElfW(Phdr) * segment, const uint8_t *address) {
    uintptr_t start = object->base + segment->p_vaddr;
    return (uintptr_t)address >= start && (uintptr_t)address - start < segment->p_filesz;
}

/* Without a readable segment around it, the header is useless. */
static void find_readable(sp_object *object, const ElfW(Phdr) * headers, unsigned count) {
    for (unsigned i = 0; object->eh_header && i < count; i++) {
        if (headers[i].p_type != PT_LOAD || !(headers[i].p_flags & PF_R)) continue;
        if (!holds(object, &headers[i], object->eh_header)) continue;
        object->eh_start = (const uint8_t *)(object->base + headers[i].p_vaddr);
        object->eh_end = object->eh_start + headers[i].p_filesz;
        return;
    }
    object->eh_header = NULL;
}

static size_t align_note(size_t bytes) {
    return (bytes + 3) & ~(size_t)3;
}

static size_t find_build_id(const uint8_t *at, size_t left, uint8_t build_id[SP_BUILD_ID_MAX]) {
    while (left >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
        size_t name = sizeof *note, content = name + align_note(note->n_namesz);
        size_t size = content + align_note(note->n_descsz);
        if (note->n_namesz > left || note->n_descsz > left || size > left) return 0;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp(at + name, "GNU", 4) == 0) {
            size_t length = note->n_descsz < SP_BUILD_ID_MAX ? note->n_descsz : SP_BUILD_ID_MAX;
            memcpy(build_id, at + content, length);
            return length;
        }
        at += size;
        left -= size;
    }
    return 0;
}

size_t sp_objects_read_build_id(const sp_object *object, uint8_t build_id[SP_BUILD_ID_MAX]) {
    const ElfW(Phdr) * headers;
    unsigned count;
    if (!read_headers(object, &headers, &count)) return 0;
    for (unsigned i = 0; i < count; i++) {
        uintptr_t start = object->base + headers[i].p_vaddr;
        bool inside = start >= object->start && start < object->end && headers[i].p_filesz <= object->end - start;
        if (headers[i].p_type != PT_NOTE || !inside) continue;
        size_t length = find_build_id((const uint8_t *)start, headers[i].p_filesz, build_id);
        if (length) return length;
    }
    return 0;
}

/* ---- The table ---- */

static _Atomic(sp_object *) table;
static _Atomic size_t table_count;
static _Atomic uint32_t sequence;
static _Atomic bool refreshing;
static size_t table_capacity; /* protected by `refreshing` */

static bool find_in_table(uintptr_t pc, sp_object *object) {
    uint32_t before = atomic_load_explicit(&sequence, memory_order_acquire);
    const sp_object *objects = atomic_load_explicit(&table, memory_order_acquire);
    size_t count = atomic_load_explicit(&table_count, memory_order_acquire);
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) {
        *object = objects[i];
        found = pc >= object->start && pc < object->end;
    }
    atomic_thread_fence(memory_order_acquire);
    return found && !(before & 1) && atomic_load_explicit(&sequence, memory_order_relaxed) == before;
}

typedef struct listing {
    sp_object *objects;
    size_t count, capacity;
} listing;

static void read_listed(const struct dl_phdr_info *info, sp_object *object) {
    *object = (sp_object){.base = info->dlpi_addr, .path = info->dlpi_name, .start = UINTPTR_MAX};
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr, end = start + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME) object->eh_header = (const uint8_t *)start;
        if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
        if (start < object->start) object->start = start & ~(uintptr_t)(FIRST_PAGE - 1);
        if (end > object->end) object->end = end;
    }
    find_readable(object, info->dlpi_phdr, info->dlpi_phnum);
}

static int list_object(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    listing *listing = data;
    if (listing->count < listing->capacity) read_listed(info, &listing->objects[listing->count]);
    listing->count++;
    return 0;
}

/* The outgrown table stays mapped: a reader may still be using it. */
static bool grow_table(size_t wanted) {
    sp_object *larger = sp_memory_map(2 * wanted * sizeof *larger);
    if (!larger) return false;
    atomic_store_explicit(&table, larger, memory_order_release);
    table_capacity = 2 * wanted;
    return true;
}

static size_t write_table(void) {
    listing listing = {.objects = atomic_load(&table), .capacity = table_capacity};
    dl_iterate_phdr(list_object, &listing);
    return listing.count;
}

void sp_objects_refresh(void) {
    bool idle = false;
    if (sp_objects_find_is_direct() || !atomic_compare_exchange_strong(&refreshing, &idle, true)) return;
    atomic_fetch_add(&sequence, 1);
    atomic_store(&table_count, 0);
    size_t count = write_table();
    if (count > table_capacity && grow_table(count)) count = write_table();
    atomic_store_explicit(&table_count, count < table_capacity ? count : table_capacity, memory_order_release);
    atomic_fetch_add(&sequence, 1);
    atomic_store(&refreshing, false);
}

/* ---- Both ways ---- */

static bool find_directly(find_function *find, uintptr_t pc, sp_object *object) {
    found_object found;
    if (find((void *)pc, &found) != 0) return false;
    *object = (sp_object){.start = (uintptr_t)found.start,
                          .end = (uintptr_t)found.end,
                          .base = found.link_map->l_addr,
                          .path = found.link_map->l_name,
                          .eh_header = found.eh_header};
    const ElfW(Phdr) * headers;
    unsigned count;
    if (read_headers(object, &headers, &count))
        find_readable(object, headers, count);
    else
        object->eh_header = NULL;
    return true;
}

bool sp_objects_find(uintptr_t pc, sp_object *object) {
    find_function *find = atomic_load_explicit(&direct, memory_order_acquire);
    return find ? find_directly(find, pc, object) : find_in_table(pc, object);
}

/* The function is looked up only once: in a forked child, another thread of the parent may have left the loader's
 * lock held. */
static find_function *look_up(void) {
    static _Atomic(find_function *) known;
    find_function *find = atomic_load(&known);
    if (!find) {
        find = (find_function *)(uintptr_t)dlsym(RTLD_DEFAULT, "_dl_find_object");
        atomic_store(&known, find);
    }
    return find;
}

void sp_objects_prepare(bool directly) {
    find_function *find = directly ? look_up() : NULL;
    atomic_store_explicit(&direct, find, memory_order_release);
    sp_objects_refresh();
}

bool sp_objects_find_is_direct(void) {
    return atomic_load_explicit(&direct, memory_order_acquire) != NULL;
}

static int read_unloaded(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    *(uint64_t *)data = info->dlpi_subs;
    return 1;
}

uint64_t sp_objects_unloaded(void) {
    uint64_t unloaded = 0;
    dl_iterate_phdr(read_unloaded, &unloaded);
    return unloaded;
}

bool sp_objects_listen(sp_objects_listener *listener) {
    (void)listener;
    return false;
}
