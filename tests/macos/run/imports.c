#include "imports.h"

#include "image.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MISSING_MAX 1024
static const char *missing[MISSING_MAX];
static size_t missing_count;

static const char *const same_in_glibc[] = {
#define SAME(name) #name,
#include "same_in_glibc.def"
#undef SAME
};

static bool is_same(const char *name) {
    for (size_t i = 0; i < sizeof same_in_glibc / sizeof *same_in_glibc; i++)
        if (strcmp(same_in_glibc[i], name) == 0) return true;
    return false;
}

/* Apple's variants ("$INODE64", "$NOCANCEL", "$DARWIN_EXTSN") are what the plain names mean with current headers. */
static void *of_this_program(const char *name) {
    char copy[256];
    snprintf(copy, sizeof copy, "mac_%s", name);
    char *variant = strchr(copy, '$');
    if (variant) *variant = '\0';
    void *found = dlsym(RTLD_DEFAULT, copy);
    return found || !is_same(copy + 4) ? found : dlsym(RTLD_DEFAULT, copy + 4);
}

static __attribute__((noreturn)) void fail_in(const char *name) {
    fprintf(stderr, "run_macho: the program called %s, which is not implemented here\n", name);
    abort();
}

/* movabs rdi, name; movabs rax, fail_in; jmp rax */
static void *make_trap(const char *name) {
    static uint8_t *page;
    static size_t used;
    if (!page || used + 32 > 4096) {
        page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        used = 0;
    }
    uint8_t *code = page + used;
    const void *target = (const void *)fail_in;
    memcpy(code, "\x48\xBF", 2);
    memcpy(code + 2, &name, 8);
    memcpy(code + 10, "\x48\xB8", 2);
    memcpy(code + 12, &target, 8);
    memcpy(code + 20, "\xFF\xE0", 2);
    used += 32;
    return code;
}

static void *trap_of(const char *name) {
    static void *traps[MISSING_MAX];
    size_t i = 0;
    while (i < missing_count && strcmp(missing[i], name) != 0) i++;
    if (i == MISSING_MAX) fail_in("too many functions");
    if (i == missing_count) {
        missing[i] = strdup(name);
        traps[i] = make_trap(missing[i]);
        missing_count++;
    }
    return traps[i];
}

void *import_find(const char *name, bool is_weak) {
    void *found = image_symbol(NULL, name);
    if (!found) found = of_this_program(name[0] == '_' ? name + 1 : name); /* "dyld_stub_binder" has none */
    return found || is_weak ? found : trap_of(name);
}

size_t imports_missing(void) {
    return missing_count;
}

const char *import_missing_at(size_t index) {
    return missing[index];
}
