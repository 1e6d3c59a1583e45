/* elf_object.h: one loaded object, as its dynamic section describes it.
 *
 *   program headers -> PT_DYNAMIC -> symbols, strings, hash, relocations (RELA and JMPREL)
 *
 * Memory:  points into the object; valid inside the dl_iterate_phdr callback that handed it over, which keeps it
 *          mapped.
 * Threads: any. Allocates nothing.
 */
#ifndef SP_ELF_OBJECT_H
#define SP_ELF_OBJECT_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sp_elf_object {
    const char *name;           /* the path, "" for the program itself */
    const char *soname;         /* "" if it has none */
    uintptr_t base, start, end; /* what is added to its addresses; the range it is mapped at */
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *gnu_hash; /* NULL: none */
    const uint32_t *sysv_hash;
    const ElfW(Rela) * relocations; /* behind the relative ones, where the linker says how many those are */
    size_t relocation_count;
    const ElfW(Rela) * jump_slots;
    size_t jump_slot_count;
} sp_elf_object;

/* False: it has no dynamic symbols. */
bool sp_elf_object_read(const struct dl_phdr_info *info, sp_elf_object *object);

/* The address of the function that this object defines under `name`; 0: none. An undefined symbol with an address (a
 * program's PLT entry), one without a size and an indirect function are no definitions. */
uintptr_t sp_elf_object_find_function(const sp_elf_object *object, const char *name);
/* The same, as the object's table of symbols has it. NULL: none. */
const ElfW(Sym) * sp_elf_object_find_symbol(const sp_elf_object *object, const char *name);

/* This library itself. */
bool sp_elf_object_is_ours(const sp_elf_object *object);
bool sp_elf_object_is_libc(const sp_elf_object *object);

/* This library itself, another copy of it, the loader, or what the kernel maps: neither patched nor asked for
 * definitions. */
bool sp_elf_object_is_apart(const sp_elf_object *object);

static inline bool sp_elf_object_contains(const sp_elf_object *object, uintptr_t address) {
    return address >= object->start && address < object->end;
}

#endif
