#include "elf_object.h"

#include <string.h>
#include <sys/auxv.h>

/* The loader adds the base to these pointers in place, unless the section is read-only. */
static uintptr_t absolute(const sp_elf_object *object, ElfW(Addr) pointer) {
    return pointer < object->base ? object->base + pointer : pointer;
}

static void read_segments(const struct dl_phdr_info *info, sp_elf_object *object, const ElfW(Dyn) * *dynamic) {
    object->start = UINTPTR_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_DYNAMIC) *dynamic = (const ElfW(Dyn) *)start;
        if (segment->p_type != PT_LOAD) continue;
        if (start < object->start) object->start = start;
        if (start + segment->p_memsz > object->end) object->end = start + segment->p_memsz;
    }
}

static void read_dynamic(sp_elf_object *object, const ElfW(Dyn) * dynamic) {
    size_t relative_count = 0, soname = 0;
    for (const ElfW(Dyn) *entry = dynamic; entry->d_tag != DT_NULL; entry++) {
        uintptr_t pointer = absolute(object, entry->d_un.d_ptr);
        switch (entry->d_tag) {
        case DT_SYMTAB:
            object->symbols = (const ElfW(Sym) *)pointer;
            break;
        case DT_STRTAB:
            object->strings = (const char *)pointer;
            break;
        case DT_GNU_HASH:
            object->gnu_hash = (const uint32_t *)pointer;
            break;
        case DT_HASH:
            object->sysv_hash = (const uint32_t *)pointer;
            break;
        case DT_RELA:
            object->relocations = (const ElfW(Rela) *)pointer;
            break;
        case DT_RELASZ:
            object->relocation_count = entry->d_un.d_val / sizeof(ElfW(Rela));
            break;
        case DT_RELACOUNT:
            relative_count = entry->d_un.d_val;
            break;
        case DT_JMPREL:
            object->jump_slots = (const ElfW(Rela) *)pointer;
            break;
        case DT_PLTRELSZ:
            object->jump_slot_count = entry->d_un.d_val / sizeof(ElfW(Rela));
            break;
        case DT_SONAME:
            soname = entry->d_un.d_val;
            break;
        default:
            break;
        }
    }
    if (relative_count > object->relocation_count) relative_count = object->relocation_count;
    object->relocations += relative_count;
    object->relocation_count -= relative_count;
    object->soname = object->strings && soname ? object->strings + soname : "";
}

bool sp_elf_object_read(const struct dl_phdr_info *info, sp_elf_object *object) {
    const ElfW(Dyn) *dynamic = NULL;
    *object = (sp_elf_object){.name = info->dlpi_name ? info->dlpi_name : "", .base = info->dlpi_addr};
    read_segments(info, object, &dynamic);
    if (!dynamic) return false;
    read_dynamic(object, dynamic);
    return object->symbols && object->strings;
}

/* ---- Which object ---- */

bool sp_elf_object_is_ours(const sp_elf_object *object) {
    return sp_elf_object_contains(object, (uintptr_t)&sp_elf_object_is_ours);
}

bool sp_elf_object_is_libc(const sp_elf_object *object) {
    return strncmp(object->soname, "libc.", 5) == 0;
}

static bool is_loader_or_kernel(const sp_elf_object *object) {
    uintptr_t kernel = getauxval(AT_SYSINFO_EHDR);
    return strncmp(object->soname, "ld-linux", 8) == 0 || strncmp(object->soname, "ld64.so", 7) == 0 ||
           (kernel != 0 && sp_elf_object_contains(object, kernel));
}

/* ---- Looking up ---- */

static bool is_definition(const sp_elf_object *object, const ElfW(Sym) * symbol, const char *name) {
    return symbol->st_shndx != SHN_UNDEF && symbol->st_size != 0 && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
           ELF64_ST_BIND(symbol->st_info) != STB_LOCAL && strcmp(object->strings + symbol->st_name, name) == 0;
}

static uint32_t gnu_hash(const char *name) {
    uint32_t hash = 5381;
    for (; *name; name++) hash = hash * 33 + (uint8_t)*name;
    return hash;
}

static uintptr_t address_of(const sp_elf_object *object, const ElfW(Sym) * symbol) {
    return symbol ? object->base + symbol->st_value : 0;
}

/* [ buckets | first symbol | bloom words | bloom shift ] bloom… buckets… chain…: bit 0 marks the end of a chain */
static const ElfW(Sym) * find_by_gnu_hash(const sp_elf_object *object, const char *name) {
    const uint32_t *table = object->gnu_hash;
    uint32_t bucket_count = table[0], first = table[1], bloom_words = table[2];
    const uint32_t *buckets = table + 4 + bloom_words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t *chain = buckets + bucket_count;
    uint32_t hash = gnu_hash(name);
    uint32_t index = bucket_count ? buckets[hash % bucket_count] : 0;
    if (index < first) return NULL;
    for (;; index++) {
        uint32_t entry = chain[index - first];
        if ((entry | 1) == (hash | 1) && is_definition(object, &object->symbols[index], name))
            return &object->symbols[index];
        if (entry & 1) return NULL;
    }
}

/* [ buckets | chains ] buckets… chains…: there are as many chains as symbols */
static const ElfW(Sym) * find_among_all(const sp_elf_object *object, const char *name) {
    for (uint32_t index = 1; index < object->sysv_hash[1]; index++)
        if (is_definition(object, &object->symbols[index], name)) return &object->symbols[index];
    return NULL;
}

const ElfW(Sym) * sp_elf_object_find_symbol(const sp_elf_object *object, const char *name) {
    if (object->gnu_hash) return find_by_gnu_hash(object, name);
    return object->sysv_hash ? find_among_all(object, name) : NULL;
}

uintptr_t sp_elf_object_find_function(const sp_elf_object *object, const char *name) {
    return address_of(object, sp_elf_object_find_symbol(object, name));
}

/* ---- Objects that are left alone ---- */

/* The object may be another copy of this library, of any version: each of the two would mistake the other for the
 * original. */
static bool is_another_copy(const sp_elf_object *object) {
    return sp_elf_object_find_function(object, "spprof_version") != 0;
}

bool sp_elf_object_is_apart(const sp_elf_object *object) {
    return sp_elf_object_is_ours(object) || is_loader_or_kernel(object) || is_another_copy(object);
}
