/* got_patch_linux.c: native allocations without a restart (spprof_patch), and lookups by name (spprof_follow_lookups).
 *
 *   object: slot for "malloc" ── holds the original, or is not bound yet ──► holds our hook, which calls the original
 *
 * A scan runs inside dl_iterate_phdr, whose lock keeps every object mapped during the scan. The scan allocates nothing.
 * New objects are appended to the loader's list, so as long as none has been closed, a later scan begins where the last
 * one ended.
 */
#include "capture.h"
#include "dl_hooks.h"
#include "elf_object.h"
#include "fork.h"
#include "hooks.h"
#include "malloc_entries.h"
#include "map_hooks.h"
#include "memory.h"
#include "objects.h"
#include "originals.h"
#include "page_protection.h"
#include "profiler.h"
#include "relocations.h"
#include "spprof.h"
#include "thread.h"

#include <errno.h>
#include <string.h>

#define UNCOVERED_MAX 64

typedef struct hooked_function {
    const char *name;
    uintptr_t hook;
    uintptr_t original;      /* 0: this libc has no such function */
    bool is_only_definition; /* no other object defined the name when the original was found */
} hooked_function;

static hooked_function functions[] = {
#define HOOKED(name, hook) {#name, (uintptr_t)(hook), 0, false},
#include "hooked_functions.def"
#undef HOOKED
};
#define FUNCTION_COUNT (sizeof functions / sizeof *functions)

static _Atomic bool in_loader;            /* held by a thread of ours, which owns everything below that is not atomic */
static _Atomic bool loader_may_be_locked; /* true in a forked child that has not loaded anything yet */
static _Atomic size_t patched_slots;
static bool patches_calls;            /* if false, only slots of the loader's functions are patched */
static uint64_t seen_adds, seen_subs; /* the loader's counters at the last complete scan */
static size_t seen_objects;           /* objects at the head of the loader's list that need not be scanned again */
static uintptr_t program_plt_start, program_plt_end;
static const char *uncovered[UNCOVERED_MAX];
static _Atomic size_t uncovered_count;

/* Not in the malloc family, and patched separately: a CPU profile by itself patches nothing else. */
static hooked_function signal_stacks = {.name = "sigaltstack", .hook = (uintptr_t)sp_hook_sigaltstack};

typedef struct scan {
    sp_page_protections protections;
    hooked_function *only; /* NULL: the whole malloc family */
    size_t index, first;   /* of the current object; of the first object to scan */
    uint64_t adds, subs;
    bool incomplete; /* saw an object that the loader may not have finished loading */
} scan;

/* ---- Which objects ---- */

static void note_uncovered(const sp_elf_object *object) {
    const char *name = object->name[0] ? object->name : "the program itself";
    size_t count = atomic_load(&uncovered_count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(uncovered[i], name) == 0) return;
    if (count == UNCOVERED_MAX) return;
    char *copy = sp_memory_map(strlen(name) + 1); /* the object may be closed */
    if (!copy) return;
    uncovered[count] = strcpy(copy, name);
    atomic_store(&uncovered_count, count + 1);
}

/* ---- One slot ---- */

static hooked_function *find_hooked(const char *name) {
    for (size_t i = 0; i < FUNCTION_COUNT; i++)
        if (name[0] == functions[i].name[0] && strcmp(name, functions[i].name) == 0)
            return functions[i].original ? &functions[i] : NULL;
    return NULL;
}

static bool is_the_loaders(const hooked_function *function) {
    return strncmp(function->name, "dl", 2) == 0;
}

static hooked_function *find_wanted(const scan *scan, const char *name) {
    if (scan->only) return strcmp(name, scan->only->name) == 0 ? scan->only : NULL;
    hooked_function *function = find_hooked(name);
    return function && (patches_calls || is_the_loaders(function)) ? function : NULL;
}

typedef enum slot_state {
    SLOT_OURS,
    SLOT_ORIGINAL,   /* holds the original, or is unbound: must be patched */
    SLOT_INDIRECT,   /* leads through the program's own PLT, whose slot is patched */
    SLOT_UNFINISHED, /* the loader has not relocated it yet */
    SLOT_FOREIGN     /* leads to another allocator */
} slot_state;

/* An unbound slot points back into its own object, to the PLT. If the object defines the function itself, such a
 * pointer may also point to that definition. A slot that is empty, or lacks the base, has not been relocated yet. */
static slot_state classify(const sp_elf_object *object, const hooked_function *function, bool is_jump_slot,
                           uintptr_t value) {
    if (value == function->hook || sp_malloc_entries_contain(value) || sp_map_hooks_contain(value)) return SLOT_OURS;
    if (value == function->original) return SLOT_ORIGINAL;
    if (is_jump_slot && sp_elf_object_contains(object, value) && !sp_elf_object_find_function(object, function->name))
        return SLOT_ORIGINAL;
    if (value >= program_plt_start && value < program_plt_end) return SLOT_INDIRECT;
    if (object->base != 0 && value < object->end - object->base) return SLOT_UNFINISHED;
    return SLOT_FOREIGN;
}

/* Applies only to the malloc family: an object's own mmap or dlsym is not an allocator that we would miss. */
static bool reports_uncovered(const scan *scan, const hooked_function *function) {
    return !scan->only && !is_the_loaders(function) && !sp_map_hooks_contain(function->hook);
}

static void store_hook(scan *scan, const sp_elf_object *object, const hooked_function *function, uintptr_t *slot) {
    bool stored = sp_page_protections_store(&scan->protections, slot, function->hook);
    if (!reports_uncovered(scan, function)) return;
    if (stored)
        atomic_fetch_add(&patched_slots, 1);
    else
        note_uncovered(object);
}

/* A slot in `data` is a pointer with an initial value; the object may have changed it after it was loaded. */
static void visit_slot(scan *scan, const sp_elf_object *object, const hooked_function *function, uint32_t type,
                       uintptr_t *slot) {
    bool is_jump_slot = type == SP_RELOCATION_JUMP_SLOT, is_data = type == SP_RELOCATION_ABSOLUTE;
    switch (classify(object, function, is_jump_slot, __atomic_load_n(slot, __ATOMIC_RELAXED))) {
    case SLOT_ORIGINAL:
        store_hook(scan, object, function, slot);
        break;
    case SLOT_UNFINISHED:
        scan->incomplete = true;
        break;
    case SLOT_FOREIGN:
        if (!is_data && reports_uncovered(scan, function)) note_uncovered(object);
        break;
    case SLOT_OURS:
    case SLOT_INDIRECT:
        break;
    }
}

/* ---- One object ---- */

/* The addend of a jump slot has no meaning. For other relocations the addend must be zero, or the slot does not hold
 * the function's address. */
static void visit_relocation(scan *scan, const sp_elf_object *object, const ElfW(Rela) * relocation) {
    uint32_t type = (uint32_t)ELF64_R_TYPE(relocation->r_info);
    bool is_jump_slot = type == SP_RELOCATION_JUMP_SLOT;
    bool is_address = type == SP_RELOCATION_GLOB_DAT || type == SP_RELOCATION_ABSOLUTE;
    if (!is_jump_slot && !(is_address && relocation->r_addend == 0)) return;
    const ElfW(Sym) *symbol = &object->symbols[ELF64_R_SYM(relocation->r_info)];
    const hooked_function *function = find_wanted(scan, object->strings + symbol->st_name);
    uintptr_t *slot = (uintptr_t *)(object->base + relocation->r_offset);
    if (function && (uintptr_t)slot % sizeof *slot == 0) visit_slot(scan, object, function, type, slot);
}

static void visit_object(scan *scan, const sp_elf_object *object) {
    for (size_t i = 0; i < object->jump_slot_count; i++) visit_relocation(scan, object, &object->jump_slots[i]);
    for (size_t i = 0; i < object->relocation_count; i++) visit_relocation(scan, object, &object->relocations[i]);
}

/* In a program that is not position-independent, the PLT entries serve as the functions' addresses for all objects. */
static void learn_program(const sp_elf_object *object) {
    if (object->base != 0 || object->name[0] != '\0') return;
    program_plt_start = object->start;
    program_plt_end = object->end;
}

/* Before the loader relocates an object, its slots hold addresses without the base. If the base is 0, we cannot tell
 * whether that has happened. The loader may still overwrite the value that we store now, so later scans look again. */
static bool may_be_relocated_later(const sp_elf_object *object) {
    return object->base == 0 && object->name[0] != '\0';
}

static int visit_listed(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    scan *scan = data;
    scan->adds = info->dlpi_adds;
    scan->subs = info->dlpi_subs;
    sp_elf_object object;
    bool skip = scan->index++ < scan->first || !sp_elf_object_read(info, &object);
    if (skip || sp_elf_object_is_apart(&object)) return 0;
    sp_page_protections_of(&scan->protections, info);
    learn_program(&object);
    visit_object(scan, &object);
    if (may_be_relocated_later(&object)) scan->incomplete = true;
    if (!scan->incomplete && !scan->only) seen_objects = scan->index;
    return 0;
}

/* ---- Scans ---- */

/* Our code enters the loader only between these two functions, one thread at a time. */
static bool enter_loader(void) {
    bool idle = false;
    return atomic_compare_exchange_strong(&in_loader, &idle, true);
}

static void leave_loader(void) {
    atomic_store(&in_loader, false);
}

/* Scan all objects except the `first` ones at the head of the list. */
static void scan_from(size_t first) {
    scan scan = {.first = first};
    seen_objects = first;
    dl_iterate_phdr(visit_listed, &scan);
    sp_page_protections_forget(&scan.protections);
    if (scan.incomplete) return;
    seen_adds = scan.adds;
    seen_subs = scan.subs;
}

static int read_counters(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    uint64_t *counters = data;
    counters[0] = info->dlpi_adds;
    counters[1] = info->dlpi_subs;
    return 1;
}

static void scan_what_is_new(void) {
    uint64_t counters[2] = {0, 0};
    dl_iterate_phdr(read_counters, counters);
    if (counters[0] == seen_adds && counters[1] == seen_subs) return;
    scan_from(counters[1] == seen_subs ? seen_objects : 0);
}

/* Called after a dlopen on this thread, or inside it, so the loader's lock is free or held by this thread. */
static void follow_objects(void) {
    if (!enter_loader()) return;
    scan_what_is_new();
    sp_objects_refresh();
    atomic_store(&loader_may_be_locked, false);
    leave_loader();
}

/* ---- Fork ---- */

#define FORK_PAUSES 100

static bool fork_entered; /* by the forking thread, until it has forked */

/* If one of our threads holds the loader's lock at a fork, that thread is missing in the child, and the child can
 * never load anything. So a fork waits for a scan to end, but only for a limited time: the scan may itself be
 * waiting for the forking thread. */
static void before_fork(void) {
    fork_entered = enter_loader();
    for (int i = 0; !fork_entered && i < FORK_PAUSES; i++) {
        sp_thread_pause();
        fork_entered = enter_loader();
    }
}

static void after_fork_in_parent(void) {
    if (fork_entered) leave_loader();
}

/* Another thread of the parent may have been in the loader. A dlopen that returns in the child proves that none was. */
static void after_fork_in_child(void) {
    atomic_store(&loader_may_be_locked, true);
    leave_loader();
}

/* ---- Lookups by name ---- */

/* Lookups may come at any rate, on any thread, during any fork, so they take none of the loader's locks. */
static bool find_for_lookup(const char *name, sp_dl_hooked *found) {
    const hooked_function *function = find_hooked(name);
    if (!function) return false;
    *found = (sp_dl_hooked){function->original, function->hook, function->is_only_definition};
    return true;
}

static int is_other_definition(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    const hooked_function *function = data;
    sp_elf_object object;
    if (!sp_elf_object_read(info, &object) || sp_elf_object_is_apart(&object)) return 0;
    uintptr_t found = sp_elf_object_find_function(&object, function->name);
    return found != 0 && found != function->original;
}

/* ---- Originals ---- */

static void *find_original(const char *name) {
    const hooked_function *function = find_hooked(name);
    return function ? (void *)function->original : NULL;
}

/* If the originals have not been found, no slot is patched. */
static void find_originals(void) {
    if (!sp_originals_patch_callers()) return;
    for (size_t i = 0; i < FUNCTION_COUNT; i++) functions[i].original = sp_originals_find(functions[i].name);
    for (size_t i = 0; i < FUNCTION_COUNT; i++) sp_map_hooks_lead_to(functions[i].hook, functions[i].original);
    sp_dl_original_dlopen = find_original("dlopen");
    sp_dl_original_dlmopen = find_original("dlmopen");
    sp_dl_original_dlsym = find_original("dlsym");
    sp_dl_original_dlvsym = find_original("dlvsym");
    for (size_t i = 0; i < FUNCTION_COUNT; i++)
        functions[i].is_only_definition = dl_iterate_phdr(is_other_definition, &functions[i]) == 0;
    sp_dl_find_hooked = find_for_lookup;
}

/* ---- The interface ---- */

static void watch_forks_once(void) {
    static bool watched; /* protected by `in_loader` */
    if (!watched) sp_fork_call(before_fork, after_fork_in_parent, after_fork_in_child);
    watched = true;
}

static void find_originals_once(void) {
    static bool found; /* protected by `in_loader` */
    if (!found) find_originals();
    found = true;
}

static void patch(bool calls) {
    int saved_errno = errno;
    spprof_pause();
    if (!atomic_load(&loader_may_be_locked) && enter_loader()) {
        watch_forks_once();
        find_originals_once();
        patches_calls |= calls;
        if (calls)
            scan_from(0); /* scan all objects: lazy binding may have overwritten a slot */
        else
            scan_what_is_new();
        leave_loader();
        sp_profiler_follow_objects(follow_objects);
    }
    spprof_resume();
    errno = saved_errno;
}

size_t spprof_patch(void) {
    patch(true);
    return atomic_load(&patched_slots);
}

void spprof_follow_lookups(void) {
    patch(false);
}

void spprof_refresh_objects(void) {
    int saved_errno = errno;
    spprof_pause();
    if (!atomic_load(&loader_may_be_locked) && enter_loader()) {
        watch_forks_once();
        sp_capture_refresh_objects();
        leave_loader();
    }
    spprof_resume();
    errno = saved_errno;
}

/* Redirect libc's own symbol to the hook, for later lookups: dlsym, and objects that are loaded later. Only the
 * loader reads this table; files and debuggers have their own. */
static int lead_symbol(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    scan *scan = data;
    sp_elf_object object;
    if (!sp_elf_object_read(info, &object) || sp_elf_object_is_apart(&object)) return 0;
    const ElfW(Sym) *symbol = sp_elf_object_find_symbol(&object, signal_stacks.name);
    if (!symbol || object.base + symbol->st_value != signal_stacks.original) return 0;
    uintptr_t *value = (uintptr_t *)(uintptr_t)&symbol->st_value;
    sp_page_protections_of(&scan->protections, info);
    sp_page_protections_store(&scan->protections, value, signal_stacks.hook - object.base);
    return 1;
}

static void follow_signal_stacks(void) {
    scan scan = {.only = &signal_stacks};
    signal_stacks.original = sp_hook_original_sigaltstack();
    if (signal_stacks.original == 0) return;
    dl_iterate_phdr(visit_listed, &scan);
    dl_iterate_phdr(lead_symbol, &scan);
    sp_page_protections_forget(&scan.protections);
}

void spprof_follow_signal_stacks(void) {
    int saved_errno = errno;
    spprof_pause();
    if (!atomic_load(&loader_may_be_locked) && enter_loader()) {
        watch_forks_once();
        follow_signal_stacks();
        leave_loader();
    }
    spprof_resume();
    errno = saved_errno;
}

size_t spprof_uncovered(const char **names, size_t capacity) {
    size_t count = atomic_load(&uncovered_count);
    for (size_t i = 0; i < count && i < capacity; i++) names[i] = uncovered[i];
    return count;
}
