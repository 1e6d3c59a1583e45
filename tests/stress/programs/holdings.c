/* holdings.c: measures the engine's own memory from outside; preloaded before the engine.
 *
 *   engine: mmap ──► here: note [start, end) if the caller is in libspprof_alloc.so ──► the kernel
 *   /proc/self/pagemap: which of the noted pages are resident
 */
#include "spprof.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RANGES_MAX 65536
#define PAGE ((uintptr_t)4096)

static struct range {
    uintptr_t start, end;
} ranges[RANGES_MAX];
static size_t range_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* dladdr takes the loader's lock, and the engine maps memory while holding its own lock. So the engine's address
 * range is read once from the list of mappings. */
static uintptr_t engine_start, engine_end;

static void find_engine(void) {
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long start, end;
        if (!strstr(line, "libspprof_alloc") || sscanf(line, "%lx-%lx", &start, &end) != 2) continue;
        if (engine_start == 0) engine_start = start;
        engine_end = end;
    }
    if (maps) fclose(maps);
}

/* Call this before the engine is started. */
int holdings_begin(void) {
    find_engine();
    return engine_start != 0;
}

static void note(uintptr_t start, size_t bytes) {
    pthread_mutex_lock(&lock);
    if (range_count < RANGES_MAX)
        ranges[range_count++] = (struct range){start, start + ((bytes + PAGE - 1) & ~(PAGE - 1))};
    pthread_mutex_unlock(&lock);
}

/* Removes an unmapped range from the notes: a whole range, or one end of it. */
static void strike(uintptr_t start, uintptr_t end) {
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < range_count; i++) {
        struct range *found = &ranges[i];
        if (end <= found->start || start >= found->end) continue;
        if (start <= found->start && end >= found->end)
            ranges[i--] = ranges[--range_count];
        else if (start <= found->start)
            found->start = end;
        else
            found->end = start;
    }
    pthread_mutex_unlock(&lock);
}

void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset) {
    uintptr_t caller = (uintptr_t)__builtin_return_address(0);
    void *result = (void *)syscall(SYS_mmap, address, bytes, protection, flags, file, offset);
    if (result != MAP_FAILED && caller >= engine_start && caller < engine_end) note((uintptr_t)result, bytes);
    return result;
}

/* Callers with 64-bit file offsets use this name. */
void *mmap64(void *address, size_t bytes, int protection, int flags, int file, off64_t offset)
    __attribute__((alias("mmap")));

int munmap(void *address, size_t bytes) {
    uintptr_t caller = (uintptr_t)__builtin_return_address(0);
    if (caller >= engine_start && caller < engine_end) strike((uintptr_t)address, (uintptr_t)address + bytes);
    return (int)syscall(SYS_munmap, address, bytes);
}

static size_t resident_in(int pagemap, struct range range) {
    uint64_t entries[512];
    size_t present = 0;
    for (uintptr_t at = range.start; at < range.end; at += sizeof entries / sizeof *entries * PAGE) {
        size_t pages = (range.end - at) / PAGE;
        if (pages > sizeof entries / sizeof *entries) pages = sizeof entries / sizeof *entries;
        ssize_t got = pread(pagemap, entries, pages * sizeof *entries, (off_t)(at / PAGE * sizeof *entries));
        for (ssize_t i = 0; i < got / (ssize_t)sizeof *entries; i++) present += entries[i] >> 63;
    }
    return present * PAGE;
}

/* Returns the resident bytes of the engine's mappings. */
size_t holdings_resident(void) {
    size_t total = 0;
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < range_count; i++) total += resident_in(pagemap, ranges[i]);
    pthread_mutex_unlock(&lock);
    close(pagemap);
    return total;
}

size_t holdings_mapped(void) {
    size_t total = 0;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < range_count; i++) total += ranges[i].end - ranges[i].start;
    pthread_mutex_unlock(&lock);
    return total;
}

/* Describes the filter that each free checks: how many counters it has, how many are in use (not zero), and how many
 * are stuck at their maximum. */
void holdings_filter(const spprof_gate *gate, size_t *counters, size_t *used, size_t *stuck) {
    const spprof_filter *filter = __atomic_load_n(&gate->filter, __ATOMIC_ACQUIRE);
    *counters = (size_t)filter->last + 1;
    *used = *stuck = 0;
    for (size_t i = 0; i < *counters; i++) {
        *used += filter->counters[i] != 0;
        *stuck += filter->counters[i] == 255;
    }
}
