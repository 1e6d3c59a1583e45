/* load.c: background load for the Python specimens.
 *
 *   load_begin(16, seed) ── threads that allocate, move, free, pass blocks to each other ── load_end()
 *
 * Every block stores its size and address. A block that is found changed, not zeroed, too short or misaligned ends the
 * process with a message. The threads have no Python state.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64
#define OWN 64     /* blocks that a thread keeps */
#define SHARED 256 /* blocks that any thread may take */

/* Specimens use larger sizes than these, to distinguish their own blocks from those of the load. */
#define SIZES_LARGE 40000
#define SIZES_SMALL 600

extern char **environ;

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __LINE__))

__attribute__((noreturn)) static void check_failed(const char *condition, int line) {
    char message[256];
    int length = snprintf(message, sizeof message, "load.c:%d: not so: %s (errno %d)\n", line, condition, errno);
    ssize_t written = write(STDERR_FILENO, message, (size_t)length);
    (void)written;
    _exit(1);
}

static uint64_t next_random(uint64_t *state) {
    uint64_t word = *state += UINT64_C(0x9E3779B97F4A7C15);
    word = (word ^ word >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    word = (word ^ word >> 27) * UINT64_C(0x94D049BB133111EB);
    return word ^ word >> 31;
}

/* ---- Self-describing blocks ---- */

typedef struct block {
    size_t size;
    uintptr_t tag; /* derived from its address, or from its previous address if it has just been moved */
} block;

static block *sign(void *address, size_t size) {
    block *made = address;
    CHECK(malloc_usable_size(address) >= size);
    made->size = size;
    made->tag = (uintptr_t)made ^ size;
    ((unsigned char *)made)[size - 1] = (unsigned char)(made->tag >> 4);
    return made;
}

static void verify(const block *found, uintptr_t tag) {
    CHECK(found->tag == tag);
    if (found->size > sizeof *found)
        CHECK(((const unsigned char *)found)[found->size - 1] == (unsigned char)(tag >> 4));
}

static void let_go(block *gone) {
    if (!gone) return;
    verify(gone, (uintptr_t)gone ^ gone->size);
    free(gone);
}

static block *make(uint64_t chance) {
    size_t size = sizeof(block) + 1 + (chance >> 8) % ((chance & 31) == 0 ? SIZES_LARGE : SIZES_SMALL);
    void *address = NULL;
    switch (chance >> 5 & 7) {
    case 0: {
        unsigned char *zeroed = calloc(1, size);
        for (size_t i = 0; i < size; i++) CHECK(zeroed[i] == 0);
        address = zeroed;
        break;
    }
    case 1:
        CHECK(posix_memalign(&address, 256, size) == 0 && (uintptr_t)address % 256 == 0);
        break;
    case 2:
        address = aligned_alloc(64, (size + 63) / 64 * 64);
        break;
    default:
        address = malloc(size);
    }
    CHECK(address);
    return sign(address, size);
}

static block *move(block *old, uint64_t chance) {
    size_t kept = old->size, size = sizeof(block) + 1 + (chance >> 8) % 2000;
    uintptr_t tag = (uintptr_t)old ^ old->size;
    verify(old, tag);
    block *moved = realloc(old, size);
    CHECK(moved && moved->tag == tag);
    if (size >= kept) CHECK(((unsigned char *)moved)[kept - 1] == (unsigned char)(tag >> 4));
    return sign(moved, size);
}

/* ---- Threads ---- */

static _Atomic(block *) shared[SHARED];
static atomic_bool ending;
static atomic_ulong operations;
static pthread_t threads[THREADS_MAX];
static int thread_count;

static void step(block **own, uint64_t *chance) {
    uint64_t word = next_random(chance);
    block **place = &own[word % OWN];
    if (!*place)
        *place = make(word >> 8);
    else if (word >> 60 < 4)
        *place = move(*place, word >> 8);
    else if (word >> 60 < 8)
        *place = atomic_exchange(&shared[(word >> 16) % SHARED], *place);
    else {
        let_go(*place);
        *place = NULL;
    }
}

static void *run(void *argument) {
    block *own[OWN] = {0};
    uint64_t chance = (uintptr_t)argument;
    unsigned long done = 0;
    for (; !atomic_load_explicit(&ending, memory_order_relaxed); done++) step(own, &chance);
    for (int i = 0; i < OWN; i++) let_go(own[i]);
    atomic_fetch_add(&operations, done);
    return NULL;
}

void load_begin(int count, unsigned long seed) {
    CHECK(count <= THREADS_MAX);
    ending = false;
    thread_count = count;
    for (int i = 0; i < count; i++)
        CHECK(pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)(seed * THREADS_MAX + (unsigned)i)) == 0);
}

/* Ends the load and frees everything. Returns the number of steps that all threads have made so far. */
unsigned long load_end(void) {
    ending = true;
    for (int i = 0; i < thread_count; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    thread_count = 0;
    for (int i = 0; i < SHARED; i++) let_go(atomic_exchange(&shared[i], NULL));
    return operations;
}

/* ---- Short threads ---- */

static void *live_shortly(void *argument) {
    void *kept = malloc((size_t)(uintptr_t)argument);
    CHECK(kept);
    memset(kept, 1, (size_t)(uintptr_t)argument);
    free(malloc(100));
    return kept;
}

/* Runs `count` threads with stacks of `stack_bytes`, eight at a time. Each leaves a block of `size` bytes that
 * another thread frees. */
void short_threads(int count, size_t stack_bytes, size_t size) {
    enum { AT_ONCE = 8 };
    pthread_attr_t attributes;
    CHECK(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, stack_bytes) == 0);
    for (int made = 0; made < count; made += AT_ONCE) {
        pthread_t alive[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++)
            CHECK(pthread_create(&alive[i], &attributes, live_shortly, (void *)(uintptr_t)size) == 0);
        for (int i = 0; i < AT_ONCE; i++) {
            void *kept;
            CHECK(pthread_join(alive[i], &kept) == 0);
            free(kept);
        }
    }
    pthread_attr_destroy(&attributes);
}

/* ---- A heap with free blocks in a process that has run out of memory ---- */

/* Allocates `count` blocks of `size` at the heap's end and frees all but the last. The last block keeps libc from
 * returning the memory. */
void make_room(void **blocks, size_t count, size_t size) {
    for (size_t i = 0; i < count; i++) CHECK((blocks[i] = malloc(size)));
    for (size_t i = 0; i + 1 < count; i++) free(blocks[i]);
}

/* Returns how many of `count` blocks could be allocated. */
size_t fill_room(void **blocks, size_t count, size_t size) {
    size_t made = 0;
    while (made < count && (blocks[made] = malloc(size))) made++;
    return made;
}

void empty_room(void **blocks, size_t count) {
    for (size_t i = 0; i < count; i++) free(blocks[i]);
}

/* ---- The cost of a free ---- */

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Returns nanoseconds per free, over 4096 blocks of one size. The loop is so short that some measurements are not
 * interrupted. */
double free_cost(void) {
    static void *blocks[4096];
    for (int i = 0; i < 4096; i++) CHECK((blocks[i] = malloc(64)));
    double begin = now_ns();
    for (int i = 0; i < 4096; i++) free(blocks[i]);
    return (now_ns() - begin) / 4096;
}

/* ---- Other programs ---- */

static void expect_status(pid_t child, int expected) {
    int status;
    while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == expected);
}

/* Until it executes a program or exits, the child runs on our stack, in our memory. This is a separate function, so
 * that the child changes nothing in the caller's frame. */
__attribute__((noinline)) static pid_t vfork_one(const char *program) {
    pid_t child = vfork();
    if (child != 0) return child;
    if (program) execl(program, program, (char *)NULL);
    _exit(7);
}

void vfork_storm(int count, const char *program) {
    for (int i = 0; i < count; i++) {
        pid_t child = vfork_one(i % 2 ? NULL : program);
        CHECK(child >= 0);
        expect_status(child, i % 2 ? 7 : 0);
    }
}

void spawn_storm(int count, char *program) {
    for (int i = 0; i < count; i++) {
        char *arguments[] = {program, NULL};
        pid_t child;
        CHECK(posix_spawn(&child, program, NULL, NULL, arguments, environ) == 0);
        expect_status(child, 0);
    }
}

/* ---- Objects loaded and unloaded ---- */

static pthread_t reloading;

/* Loads an object repeatedly. Each time, the object starts its own thread, which allocates in it. */
static void *reload(void *argument) {
    unsigned long done = 0;
    for (; !ending; done++) {
        void *object = dlopen(argument, RTLD_NOW | RTLD_LOCAL);
        CHECK(object);
        void *(*allocate)(void *) = (void *(*)(void *))dlsym(object, "allocate_and_free");
        pthread_t thread;
        CHECK(allocate && pthread_create(&thread, NULL, allocate, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(dlclose(object) == 0);
    }
    return (void *)done;
}

void reload_begin(const char *path) {
    CHECK(pthread_create(&reloading, NULL, reload, (void *)(uintptr_t)path) == 0);
}

/* Call this after load_end, which also stops the loading thread. */
unsigned long reload_end(void) {
    void *done;
    CHECK(pthread_join(reloading, &done) == 0);
    return (unsigned long)done;
}
