#include "dyld.h"

#include "apple.h"
#include "imports.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* dyld calls with its lock held, which the program's calls also take. */
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

typedef void callback(const macho_header *header, intptr_t slide);

#define CALLBACKS_MAX 16
static callback *when_added[CALLBACKS_MAX], *when_removed[CALLBACKS_MAX];

static void append(callback **list, callback *one) {
    for (int i = 0; i < CALLBACKS_MAX; i++) {
        if (list[i]) continue;
        list[i] = one;
        return;
    }
}

static void call_all(callback **list, const image *one) {
    for (int i = 0; i < CALLBACKS_MAX && list[i]; i++) list[i](one->header, one->slide);
}

void dyld_note_added(const image *one) {
    call_all(when_added, one);
}

void dyld_note_removed(const image *one) {
    call_all(when_removed, one);
}

void mac__dyld_register_func_for_add_image(callback *added) {
    pthread_mutex_lock(&lock);
    append(when_added, added);
    for (size_t i = 0; i < images_count(); i++) added(images_at(i)->header, images_at(i)->slide);
    pthread_mutex_unlock(&lock);
}

void mac__dyld_register_func_for_remove_image(callback *removed) {
    append(when_removed, removed);
}

uint32_t mac__dyld_image_count(void) {
    return (uint32_t)images_count();
}

const macho_header *mac__dyld_get_image_header(uint32_t index) {
    return images_at(index) ? images_at(index)->header : NULL;
}

intptr_t mac__dyld_get_image_vmaddr_slide(uint32_t index) {
    return images_at(index) ? images_at(index)->slide : 0;
}

const char *mac__dyld_get_image_name(uint32_t index) {
    return images_at(index) ? images_at(index)->path : NULL;
}

int mac__NSGetExecutablePath(char *out, uint32_t *bytes) {
    const char *path = images_at(0)->path;
    uint32_t needed = (uint32_t)strlen(path) + 1;
    if (*bytes < needed) {
        *bytes = needed;
        return -1;
    }
    memcpy(out, path, needed);
    return 0;
}

static const image *image_with(const macho_header *header) {
    for (size_t i = 0; i < images_count(); i++)
        if (images_at(i)->header == header) return images_at(i);
    return NULL;
}

uint8_t *mac_getsectiondata(const macho_header *header, const char *segment, const char *name, unsigned long *size) {
    const image *one = image_with(header);
    const macho_section *section = one ? image_section(one, segment, name) : NULL;
    if (!section) return NULL;
    *size = section->size;
    return (uint8_t *)section->address + one->slide;
}

uint8_t *mac_getsegmentdata(const macho_header *header, const char *name, unsigned long *size) {
    const image *one = image_with(header);
    const macho_segment *segment = one ? image_segment(one, name) : NULL;
    if (!segment) return NULL;
    *size = segment->size;
    return (uint8_t *)segment->address + one->slide;
}

/* ---- dlopen ---- */

static __thread char message[512];
static __thread bool has_message;

static void say(const char *what, const char *name) {
    snprintf(message, sizeof message, "%s: %s", what, name);
    has_message = true;
}

char *mac_dlerror(void) {
    bool had = has_message;
    has_message = false;
    return had ? message : NULL;
}

/* The program's own handle is the images' list. */
static char of_all;

static bool is_for_all(const void *handle) {
    intptr_t value = (intptr_t)handle;
    return handle == &of_all || (value <= -1 && value >= -5) || value == 0;
}

static bool is_open(const char *path) {
    for (size_t i = 0; i < images_count(); i++)
        if (strcmp(images_at(i)->path, path) == 0) return true;
    return false;
}

void *mac_dlopen(const char *path, int mode) {
    if (!path || strncmp(path, "/usr/lib/", 9) == 0) return &of_all;
    if ((mode & APPLE_RTLD_NOLOAD) && !is_open(path)) return NULL;
    pthread_mutex_lock(&lock);
    image *one = image_open(path, images_at(0));
    if (one) images_initialize();
    pthread_mutex_unlock(&lock);
    if (!one) say("no such file", path);
    return one;
}

int mac_dlclose(void *handle) {
    if (is_for_all(handle)) return 0;
    pthread_mutex_lock(&lock);
    image_close(handle);
    pthread_mutex_unlock(&lock);
    return 0;
}

void *mac_dlsym(void *handle, const char *name) {
    char symbol[512];
    snprintf(symbol, sizeof symbol, "_%s", name);
    void *found = is_for_all(handle) ? import_find(symbol, true) : image_symbol(handle, symbol);
    if (!found) say("no such symbol", name);
    return found;
}

/* Also names private functions, as Apple's does. */
static void find_symbol(const image *one, uintptr_t address, apple_dl_info *info) {
    uint64_t best = 0;
    for (uint32_t i = 0; i < one->symbol_count; i++) {
        const macho_symbol *symbol = &one->symbols[i];
        uint64_t at = symbol->value + (uint64_t)one->slide;
        bool is_code =
            !(symbol->type & MACHO_SYMBOL_IS_DEBUG) && (symbol->type & MACHO_SYMBOL_TYPE) == MACHO_SYMBOL_IN_SECTION;
        if (!is_code || at > address || at < best) continue;
        best = at;
        info->symbol = one->strings + symbol->name + 1;
        info->symbol_address = (void *)at;
    }
}

int mac_dladdr(const void *address, apple_dl_info *info) {
    const image *one = image_around((uintptr_t)address);
    if (!one) return 0;
    *info = (apple_dl_info){.file = one->path, .base = (void *)one->header};
    find_symbol(one, (uintptr_t)address, info);
    return 1;
}

/* Calls are bound before the program runs, so nothing calls this. */
void mac_dyld_stub_binder(void) {
    __builtin_trap();
}
