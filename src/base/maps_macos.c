#include "maps.h"

#include "memory.h"
#include "region_macos.h"
#include "thread.h"

#include <errno.h>
#include <mach/mach.h>

static uint64_t at_most(uint64_t value, uint64_t most) {
    return value < most ? value : most;
}

/* Pages that other processes may share are counted in the whole object, of which this entry may be a part. A mapping
 * made with MAP_SHARED is shared with children as well. */
static sp_map read_region(const struct proc_regionwithpathinfo *from) {
    const struct proc_regioninfo *region = &from->prp_prinfo;
    uint64_t page = sp_memory_page_bytes();
    return (sp_map){.start = (uintptr_t)region->pri_address,
                    .end = (uintptr_t)(region->pri_address + region->pri_size),
                    .is_writable = (region->pri_protection & VM_PROT_WRITE) != 0,
                    .is_executable = (region->pri_protection & VM_PROT_EXECUTE) != 0,
                    .is_shared = region->pri_inheritance == VM_INHERIT_SHARE,
                    .inode = from->prp_vip.vip_vi.vi_stat.vst_ino,
                    .path = from->prp_vip.vip_path,
                    .resident = region->pri_pages_resident * page,
                    .common = at_most(region->pri_shared_pages_resident, region->pri_pages_resident) * page,
                    .swapped = region->pri_pages_swapped_out * page};
}

typedef bool ask(uintptr_t address, struct proc_regionwithpathinfo *region);

/* Return whether all were visited, or the visitor stopped. After the last one, `next` fails with EINVAL. */
static bool visit_each(ask *next, bool measured, sp_map_visitor *visit, void *data) {
    struct proc_regionwithpathinfo region;
    sp_map map = {.end = 0};
    bool goes_on = true;
    while (goes_on) {
        sp_thread_rest();
        if (!next(map.end, &region)) return errno == EINVAL;
        map = read_region(&region);
        if (!measured) map.resident = map.common = map.swapped = 0;
        goes_on = visit(&map, data);
    }
    return true;
}

bool sp_maps_each(bool measured, sp_map_visitor *visit, void *data) {
    int saved_errno = errno;
    bool is_whole = visit_each(sp_region_with_path_at, measured, visit, data);
    errno = saved_errno;
    return is_whole;
}

bool sp_maps_each_file(sp_map_visitor *visit, void *data) {
    int saved_errno = errno;
    bool is_whole = visit_each(sp_region_of_file_at, false, visit, data);
    errno = saved_errno;
    return is_whole;
}

bool sp_maps_read_text(bool measured, sp_maps_text_visitor *visit, void *data) {
    (void)measured, (void)visit, (void)data;
    return false; /* the kernel writes no text */
}
