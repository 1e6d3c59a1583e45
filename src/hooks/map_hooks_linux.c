#include "map_hooks.h"

#include "mapping_calls.h"
#include "originals.h"
#include "spprof.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define CALLER __builtin_return_address(0)

typedef struct way {
    void *(*mmap)(void *address, size_t size, int protection, int flags, int file, off_t offset);
    int (*munmap)(void *address, size_t size);
    void *(*mremap)(void *old, size_t old_size, size_t size, int flags, ...);
    void *(*shmat)(int id, const void *address, int flags);
    int (*shmdt)(const void *address);
} way;

/* ---- Without originals: not found yet, or missing ---- */

static void *kernel_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
    return (void *)syscall(SYS_mmap, address, size, protection, flags, file, offset);
}

static int kernel_munmap(void *address, size_t size) {
    return (int)syscall(SYS_munmap, address, size);
}

static bool names_new_address(int flags) {
    return flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
}

/* Read mremap's fifth argument, if the flags say that there is one. If there is none, its register holds garbage,
 * which is not used. */
#define NEW_ADDRESS(flags, new_address)                                                                                \
    va_list arguments;                                                                                                 \
    va_start(arguments, flags);                                                                                        \
    void *new_address = names_new_address(flags) ? va_arg(arguments, void *) : NULL;                                   \
    va_end(arguments)

static void *kernel_mremap(void *old, size_t old_size, size_t size, int flags, ...) {
    NEW_ADDRESS(flags, new_address);
    return (void *)syscall(SYS_mremap, old, old_size, size, flags, new_address);
}

static void *kernel_shmat(int id, const void *address, int flags) {
    return (void *)syscall(SYS_shmat, id, address, flags);
}

static int kernel_shmdt(const void *address) {
    return (int)syscall(SYS_shmdt, address);
}

#define KERNEL                                                                                                         \
    {.mmap = kernel_mmap,                                                                                              \
     .munmap = kernel_munmap,                                                                                          \
     .mremap = kernel_mremap,                                                                                          \
     .shmat = kernel_shmat,                                                                                            \
     .shmdt = kernel_shmdt}

static way preloaded = KERNEL, patched = KERNEL;

/* ---- mmap ---- */

static spprof_mapping_kind kind_of(int flags) {
    if (!(flags & MAP_ANONYMOUS)) return SPPROF_MAPPING_FILE;
    return flags & MAP_TYPE & MAP_SHARED ? SPPROF_MAPPING_SHARED : SPPROF_MAPPING_ANONYMOUS;
}

#define HUGE_DEFAULT_BITS 21

/* Mappings of huge pages end at a huge-page boundary. */
static size_t mapped_size(size_t size, int flags) {
    if (!(flags & MAP_HUGETLB)) return size;
    unsigned bits = (unsigned)flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;
    size_t page = (size_t)1 << (bits ? bits : HUGE_DEFAULT_BITS);
    return (size + page - 1) & ~(page - 1);
}

static void *do_mmap(const way *way, const void *caller, void *address, size_t size, int protection, int flags,
                     int file, off_t offset) {
    sp_map_call call = sp_map_call_begin(caller);
    void *result = way->mmap(address, size, protection, flags, file, offset);
    if (!call.is_followed) return result;
    if (result != MAP_FAILED)
        sp_map_call_made(
            &call,
            &(sp_map_result){.start = (uintptr_t)result, .size = mapped_size(size, flags), .kind = kind_of(flags)});
    else if (flags & MAP_FIXED)
        sp_map_call_failed(&call, (uintptr_t)address, size);
    return result;
}

static void *own_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
    return do_mmap(&preloaded, CALLER, address, size, protection, flags, file, offset);
}

void *sp_hook_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
    return do_mmap(&patched, CALLER, address, size, protection, flags, file, offset);
}

/* ---- munmap ---- */

static int do_munmap(const way *way, const void *caller, void *address, size_t size) {
    sp_map_call call = sp_map_call_begin(caller);
    int status = way->munmap(address, size);
    if (status == 0) sp_map_call_unmade(&call, (uintptr_t)address, size);
    return status;
}

static int own_munmap(void *address, size_t size) {
    return do_munmap(&preloaded, CALLER, address, size);
}

int sp_hook_munmap(void *address, size_t size) {
    return do_munmap(&patched, CALLER, address, size);
}

/* ---- mremap ---- */

static void *do_mremap(const way *way, const void *caller, void *old, size_t old_size, size_t size, int flags,
                       void *new_address) {
    sp_map_move move = {
        .old = (uintptr_t)old, .old_size = old_size, .size = size, .keeps_old = flags & MREMAP_DONTUNMAP};
    sp_map_call call = sp_map_call_begin_move(caller, &move, flags & MREMAP_FIXED);
    void *result = way->mremap(old, old_size, size, flags, new_address);
    move.start = (uintptr_t)(result != MAP_FAILED ? result : new_address);
    if (result != MAP_FAILED)
        sp_map_call_moved(&call, &move);
    else
        sp_map_call_move_failed(&call, &move, flags & MREMAP_FIXED);
    return result;
}

static void *own_mremap(void *old, size_t old_size, size_t size, int flags, ...) {
    NEW_ADDRESS(flags, new_address);
    return do_mremap(&preloaded, CALLER, old, old_size, size, flags, new_address);
}

void *sp_hook_mremap(void *old, size_t old_size, size_t size, int flags, ...) {
    NEW_ADDRESS(flags, new_address);
    return do_mremap(&patched, CALLER, old, old_size, size, flags, new_address);
}

/* ---- System V ---- */

static size_t segment_size(int id) {
    struct shmid_ds segment;
    return shmctl(id, IPC_STAT, &segment) == 0 ? segment.shm_segsz : 0;
}

static void *do_shmat(const way *way, const void *caller, int id, const void *address, int flags) {
    sp_map_call call = sp_map_call_begin(caller);
    void *result = way->shmat(id, address, flags);
    if (!call.is_followed || result == (void *)-1) return result;
    int saved_errno = errno;
    size_t size = segment_size(id);
    errno = saved_errno;
    if (size > 0)
        sp_map_call_made(
            &call, &(sp_map_result){
                       .start = (uintptr_t)result, .size = size, .kind = SPPROF_MAPPING_SHARED, .is_system_v = true});
    return result;
}

static void *own_shmat(int id, const void *address, int flags) {
    return do_shmat(&preloaded, CALLER, id, address, flags);
}

void *sp_hook_shmat(int id, const void *address, int flags) {
    return do_shmat(&patched, CALLER, id, address, flags);
}

static int do_shmdt(const way *way, const void *caller, const void *address) {
    sp_map_call call = sp_map_call_begin(caller);
    int status = way->shmdt(address);
    if (status == 0) sp_map_call_detached(&call, (uintptr_t)address);
    return status;
}

static int own_shmdt(const void *address) {
    return do_shmdt(&preloaded, CALLER, address);
}

int sp_hook_shmdt(const void *address) {
    return do_shmdt(&patched, CALLER, address);
}

/* ---- Originals ---- */

#define FIND(way, name)                                                                                                \
    do {                                                                                                               \
        uintptr_t found = sp_originals_find(#name);                                                                    \
        if (found) __atomic_store_n(&(way).name, (__typeof__((way).name))found, __ATOMIC_RELEASE);                     \
    } while (0)

/* Runs before the program has a second thread. */
__attribute__((constructor(101))) static void find_early(void) {
    FIND(preloaded, mmap);
    FIND(preloaded, munmap);
    FIND(preloaded, mremap);
    FIND(preloaded, shmat);
    FIND(preloaded, shmdt);
}

#define LEAD(name)                                                                                                     \
    if (hook == (uintptr_t)sp_hook_##name)                                                                             \
    __atomic_store_n(&patched.name, (__typeof__(patched.name))original, __ATOMIC_RELEASE)

void sp_map_hooks_lead_to(uintptr_t hook, uintptr_t original) {
    if (original == 0) return;
    LEAD(mmap);
    LEAD(munmap);
    LEAD(mremap);
    LEAD(shmat);
    LEAD(shmdt);
}

/* ---- Their names and addresses ---- */

/* Exported under the linker's names, because libc's headers may rename mmap. The functions do not have protected
 * visibility; see malloc_hooks.c. On 64-bit systems, offsets have only one size. */
#define EXPORT(name, own)                                                                                              \
    extern __typeof__(own) exported_##name __asm__(#name) __attribute__((alias(#own), visibility("default")))

EXPORT(mmap, own_mmap);
EXPORT(mmap64, own_mmap);
EXPORT(munmap, own_munmap);
EXPORT(mremap, own_mremap);
EXPORT(shmat, own_shmat);
EXPORT(shmdt, own_shmdt);

#define IS(name) (address == (uintptr_t)own_##name || address == (uintptr_t)sp_hook_##name)

bool sp_map_hooks_contain(uintptr_t address) {
    return IS(mmap) || IS(munmap) || IS(mremap) || IS(shmat) || IS(shmdt);
}
