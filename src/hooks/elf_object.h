/* elf_object.h: one loaded object, as its dynamic section describes it.
 *
 *   program headers -> PT_DYNAMIC -> symbols, strings, hash, relocations (RELA and JMPREL)
 *
 * Memory:  points into the object; valid inside the dl_iterate_phdr callback that supplied it, because the object stays
 *          mapped during the callback.
 * Threads: any. Allocates nothing.
 */
#ifndef SP_ELF_OBJECT_H
#define SP_ELF_OBJECT_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sp_elf_object {
    const char *name;           /* the path; "" for the program itself */
    const char *soname;         /* "" if it has none */
    uintptr_t base, start, end; /* load bias; the mapped range */
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *gnu_hash; /* NULL: none */
    const uint32_t *sysv_hash;
    const ElfW(Rela) * relocations; /* without the relative relocations at the start, if the linker counted them */
    size_t relocation_count;
    const ElfW(Rela) * jump_slots;
    size_t jump_slot_count;
} sp_elf_object;

/* Read the object that `info` describes. Return false if it has no dynamic symbols. */
bool sp_elf_object_read(const struct dl_phdr_info *info, sp_elf_object *object);

/* Return the address of the function that this object defines under `name`, or 0 if there is none. The following do
 * not count as definitions: an undefined symbol with an address (a program's PLT entry), a symbol without a size,
 * and an indirect function. */
uintptr_t sp_elf_object_find_function(const sp_elf_object *object, const char *name);
/* Like sp_elf_object_find_function(), but returns the entry in the object's symbol table, or NULL if there is none. */
const ElfW(Sym) * sp_elf_object_find_symbol(const sp_elf_object *object, const char *name);

/* Return whether the object is this library. */
bool sp_elf_object_is_ours(const sp_elf_object *object);
bool sp_elf_object_is_libc(const sp_elf_object *object);

/* Return whether the object is this library, another copy of it, the loader, or an object that the kernel maps (the
 * vDSO). Such objects are neither patched nor searched for definitions. */
bool sp_elf_object_is_apart(const sp_elf_object *object);

static inline bool sp_elf_object_contains(const sp_elf_object *object, uintptr_t address) {
    return address >= object->start && address < object->end;
}

#endif
