/* objects_macos.c: keeps a table of what dyld has loaded. dyld calls us for each object that is loaded now, and from
 * then on for each one that it loads or is about to unload.
 *
 * These calls come with dyld's lock held, from any thread, at any time. So they take no lock and do not call malloc.
 * dladdr, which dyld allows in them, provides the path.
 */
#include "objects.h"

#include "image_table.h"
#include "macho_image.h"

#include <dlfcn.h>
#include <mach-o/dyld.h>
#include <mach-o/dyld_images.h>
#include <mach/mach.h>
#include <stdatomic.h>

static _Atomic bool registered;
static _Atomic uint64_t unloaded;
static _Atomic(sp_objects_listener *) listener;

static void note_loaded(const struct mach_header *header, intptr_t slide) {
    (void)slide; /* the same as the distance of __TEXT from its address in the header */
    Dl_info info;
    bool is_named = dladdr(header, &info) != 0 && info.dli_fname;
    sp_image_table_add((const uint8_t *)header, is_named ? info.dli_fname : "unnamed");
}

/* The object is still mapped. The counter changes last: who reads it then finds the object gone. */
static void note_unloading(const struct mach_header *header, intptr_t slide) {
    (void)slide;
    if (!sp_image_table_remove((const uint8_t *)header)) return;
    atomic_fetch_add(&unloaded, 1);
    sp_objects_listener *told = atomic_load(&listener);
    if (told) told();
}

/* dyld does not report itself, but it calls main. */
static void add_dyld(void) {
    struct task_dyld_info info;
    mach_msg_type_number_t count = TASK_DYLD_INFO_COUNT;
    if (task_info(mach_task_self(), TASK_DYLD_INFO, (task_info_t)&info, &count) != KERN_SUCCESS) return;
    const struct dyld_all_image_infos *infos = (const struct dyld_all_image_infos *)info.all_image_info_addr;
    if (!infos || infos->version < 2 || !infos->dyldImageLoadAddress) return;
    sp_object known;
    if (!sp_image_table_find((uintptr_t)infos->dyldImageLoadAddress, &known))
        sp_image_table_add((const uint8_t *)infos->dyldImageLoadAddress, "/usr/lib/dyld");
}

void sp_objects_prepare(bool directly) {
    (void)directly;
    if (atomic_exchange(&registered, true)) return;
    _dyld_register_func_for_remove_image(note_unloading);
    _dyld_register_func_for_add_image(note_loaded);
    add_dyld();
}

bool sp_objects_find_is_direct(void) {
    return true;
}

bool sp_objects_find(uintptr_t pc, sp_object *object) {
    return sp_image_table_find(pc, object);
}

void sp_objects_refresh(void) {
}

uint64_t sp_objects_unloaded(void) {
    return atomic_load(&unloaded);
}

bool sp_objects_listen(sp_objects_listener *told) {
    atomic_store(&listener, told);
    return true;
}

size_t sp_objects_read_build_id(const sp_object *object, uint8_t build_id[SP_BUILD_ID_MAX]) {
    return sp_macho_image_read_uuid(object, build_id);
}
