/* threads.c: Apple's calls about threads, on Linux.
 *
 * pthread_t is glibc's. A thread's id is Linux's. Apple's objects are larger than glibc's: glibc's lies behind the
 * signature, where a static initialiser of Apple's leaves zeros, which is glibc's own static initialiser.
 */
#include "threads.h"

#include "apple.h"
#include "clocks.h"
#include "errors.h"
#include "image.h"
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* ---- Ids ---- */

uint32_t mac_mach_task_self_ = 0x103;

/* How many rights to threads' ports the program holds: what task_threads and mach_thread_self gave it. */
static _Atomic int64_t port_rights;

int64_t threads_port_rights(void) {
    return port_rights;
}

static int id_of(pthread_t thread) {
    if (thread == 0 || pthread_equal(thread, pthread_self())) return gettid();
    /* glibc has the number in its descriptor, and a clock made of it. */
    clockid_t clock;
    return pthread_getcpuclockid(thread, &clock) == 0 ? (int)(~(uint32_t)clock >> 3) : 0;
}

uint64_t mac___thread_selfid(void) {
    return (uint64_t)gettid();
}

int mac_pthread_threadid_np(pthread_t thread, uint64_t *id) {
    *id = (uint64_t)id_of(thread);
    return *id == 0 ? ESRCH : 0;
}

uint32_t mac_pthread_mach_thread_np(pthread_t thread) {
    return port_of_thread(id_of(thread));
}

int mac_pthread_main_np(void) {
    return gettid() == getpid();
}

uint32_t mac_mach_thread_self(void) {
    atomic_fetch_add(&port_rights, 1);
    return port_of_thread(gettid());
}

int mac_mach_port_deallocate(uint32_t task, uint32_t port) {
    (void)task;
    if (thread_of_port(port)) atomic_fetch_sub(&port_rights, 1);
    return APPLE_KERN_SUCCESS;
}

bool thread_exists(int thread_id) {
    int saved = errno;
    bool exists = syscall(SYS_tgkill, getpid(), thread_id, 0) == 0;
    errno = saved;
    return exists;
}

/* ---- Keys ---- */

/* Apple's lowest keys are the system's own. */
#define FIRST_KEY 256

int mac_pthread_key_create(uint64_t *key, void (*destructor)(void *)) {
    pthread_key_t made;
    int error = pthread_key_create(&made, destructor);
    *key = made + FIRST_KEY;
    return error_to_apple(error);
}

int mac_pthread_key_delete(uint64_t key) {
    return pthread_key_delete((pthread_key_t)(key - FIRST_KEY));
}

void *mac_pthread_getspecific(uint64_t key) {
    return pthread_getspecific((pthread_key_t)(key - FIRST_KEY));
}

int mac_pthread_setspecific(uint64_t key, const void *value) {
    return pthread_setspecific((pthread_key_t)(key - FIRST_KEY), value);
}

/* ---- Stacks, names, creation ---- */

/* As Apple's does for the calling thread, tell without a lock and without malloc: a handler may ask. */
static __thread struct stack_bounds {
    char *lowest;
    size_t size;
} own_stack;

static struct stack_bounds ask_for_stack(pthread_t thread) {
    struct stack_bounds found = {0};
    pthread_attr_t attributes;
    pthread_getattr_np(thread, &attributes);
    pthread_attr_getstack(&attributes, (void **)&found.lowest, &found.size);
    pthread_attr_destroy(&attributes);
    return found;
}

void threads_note_stack(void) {
    own_stack = ask_for_stack(pthread_self());
}

static struct stack_bounds stack_of(pthread_t thread) {
    return pthread_equal(thread, pthread_self()) ? own_stack : ask_for_stack(thread);
}

void *mac_pthread_get_stackaddr_np(pthread_t thread) {
    struct stack_bounds found = stack_of(thread);
    return found.lowest + found.size;
}

size_t mac_pthread_get_stacksize_np(pthread_t thread) {
    return stack_of(thread).size;
}

int mac_pthread_setname_np(const char *name) {
    return pthread_setname_np(pthread_self(), name);
}

int mac_pthread_getname_np(pthread_t thread, char *name, size_t size) {
    return pthread_getname_np(thread, name, size);
}

int mac_pthread_attr_setdetachstate(pthread_attr_t *attributes, int state) {
    int ours = state == APPLE_CREATE_DETACHED ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE;
    return pthread_attr_setdetachstate(attributes, ours);
}

/* A thread begins in a function for macOS (system_start.c), which has no caller. Signals wait until its stack is known
 * and glibc's locks have been left. */
typedef struct beginning {
    void *(*work)(void *);
    void *data;
    sigset_t mask;
} beginning;

static void *begin(void *given) {
    beginning copy = *(beginning *)given;
    free(given);
    threads_note_stack();
    pthread_sigmask(SIG_SETMASK, &copy.mask, NULL);
    void *first = image_symbol(NULL, "_start_thread");
    __asm__ volatile("andq $-16, %%rsp\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "pushq $0\n\t"
                     "jmp *%[first]"
                     :
                     : [first] "a"(first), "D"(copy.work), "S"(copy.data)
                     : "memory");
    __builtin_unreachable();
}

int mac_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *data) {
    beginning *given = malloc(sizeof *given);
    *given = (beginning){.work = work, .data = data};
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &given->mask);
    sigset_t mask = given->mask;
    int error = pthread_create(thread, attributes, begin, given);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    if (error) free(given);
    return error_to_apple(error);
}

void mac_pthread_yield_np(void) {
    sched_yield();
}

/* ---- Locks ---- */

typedef struct with_signature {
    uint64_t signature;
    uint64_t glibc[7];
} with_signature;

static pthread_mutex_t *mutex_in(with_signature *apples) {
    return (pthread_mutex_t *)apples->glibc;
}

int mac_pthread_mutex_init(with_signature *mutex, const void *attributes) {
    (void)attributes;
    memset(mutex, 0, APPLE_MUTEX_BYTES);
    return pthread_mutex_init(mutex_in(mutex), NULL);
}

int mac_pthread_mutex_lock(with_signature *mutex) {
    return pthread_mutex_lock(mutex_in(mutex));
}

int mac_pthread_mutex_trylock(with_signature *mutex) {
    return pthread_mutex_trylock(mutex_in(mutex));
}

int mac_pthread_mutex_unlock(with_signature *mutex) {
    return pthread_mutex_unlock(mutex_in(mutex));
}

int mac_pthread_mutex_destroy(with_signature *mutex) {
    return pthread_mutex_destroy(mutex_in(mutex));
}

int mac_pthread_once(with_signature *once, void (*run)(void)) {
    return pthread_once((pthread_once_t *)once->glibc, run);
}

/* Apple's condition has no room for glibc's. */
typedef struct condition {
    uint64_t signature;
    _Atomic(pthread_cond_t *) glibc;
} condition;

static pthread_cond_t *condition_in(condition *apples) {
    pthread_cond_t *found = atomic_load(&apples->glibc);
    if (found) return found;
    pthread_cond_t *made = malloc(sizeof *made);
    pthread_cond_init(made, NULL);
    if (atomic_compare_exchange_strong(&apples->glibc, &found, made)) return made;
    free(made);
    return found;
}

int mac_pthread_cond_init(condition *one, const void *attributes) {
    (void)attributes;
    memset(one, 0, APPLE_COND_BYTES);
    return 0;
}

int mac_pthread_cond_wait(condition *one, with_signature *mutex) {
    return pthread_cond_wait(condition_in(one), mutex_in(mutex));
}

int mac_pthread_cond_signal(condition *one) {
    return pthread_cond_signal(condition_in(one));
}

int mac_pthread_cond_broadcast(condition *one) {
    return pthread_cond_broadcast(condition_in(one));
}

int mac_pthread_cond_destroy(condition *one) {
    free(atomic_exchange(&one->glibc, NULL));
    return 0;
}

/* ---- Waiting for a word ---- */

enum { ULOCK_OPERATION = 0xFF, ULOCK_ALL = 0x100, ULOCK_NO_ERRNO = 0x1000000 };

static int64_t futex(void *word, int operation, uint32_t value, const struct timespec *timeout) {
    return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, timeout, NULL, 0);
}

/* Fail as the operation asks: -1 and errno, or the negative error. */
static int ulock_result(uint32_t operation, int error) {
    if (operation & ULOCK_NO_ERRNO) return -error_to_apple(error);
    errno = error;
    return -1;
}

static int wait_ns(uint32_t operation, void *word, uint64_t value, uint64_t ns) {
    int saved = errno;
    struct timespec timeout = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    int64_t result = futex(word, FUTEX_WAIT, (uint32_t)value, ns ? &timeout : NULL);
    int error = result == 0 || errno == EAGAIN ? 0 : errno;
    errno = saved;
    return error ? ulock_result(operation, error) : 0;
}

int mac___ulock_wait(uint32_t operation, void *word, uint64_t value, uint32_t microseconds) {
    return wait_ns(operation, word, value, (uint64_t)microseconds * 1000);
}

int mac___ulock_wait2(uint32_t operation, void *word, uint64_t value, uint64_t ns, uint64_t unused) {
    (void)unused;
    return wait_ns(operation, word, value, ns);
}

int mac___ulock_wake(uint32_t operation, void *word, uint64_t unused) {
    (void)unused;
    int saved = errno;
    int64_t woken = futex(word, FUTEX_WAKE, operation & ULOCK_ALL ? INT32_MAX : 1, NULL);
    errno = saved;
    return woken > 0 ? 0 : ulock_result(operation, ENOENT);
}

/* ---- Lists ---- */

#define THREADS_MAX 65536

/* Return how many threads there are, and write the first ones' ids. No malloc: also called in handlers. */
static int list_threads(int *ids, int capacity) {
    char buffer[4096];
    int count = 0, saved = errno;
    int folder = (int)syscall(SYS_open, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    for (int64_t bytes; folder >= 0 && (bytes = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0;)
        for (int64_t at = 0; at < bytes;) {
            struct dirent64 *entry = (struct dirent64 *)(buffer + at);
            int id = atoi(entry->d_name);
            if (id > 0 && count++ < capacity) ids[count - 1] = id;
            at += entry->d_reclen;
        }
    if (folder >= 0) syscall(SYS_close, folder);
    errno = saved;
    return count;
}

int threads_list_64(uint64_t *ids, int capacity) {
    static __thread int found[4096];
    int count = list_threads(found, capacity < 4096 ? capacity : 4096);
    for (int i = 0; i < count && i < capacity && i < 4096; i++) ids[i] = (uint64_t)found[i];
    return count < capacity ? count : capacity;
}

int threads_count(void) {
    return list_threads(NULL, 0);
}

/* The array is memory of the kernel's, which the caller unmaps. */
int mac_task_threads(uint32_t task, uint32_t **ports, uint32_t *count) {
    (void)task;
    int capacity = threads_count() + 64;
    int *ids = mmap(NULL, (size_t)capacity * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int found = list_threads(ids, capacity);
    *count = (uint32_t)(found < capacity ? found : capacity);
    *ports = (uint32_t *)ids;
    for (uint32_t i = 0; i < *count; i++) (*ports)[i] = port_of_thread(ids[i]);
    atomic_fetch_add(&port_rights, *count);
    return APPLE_KERN_SUCCESS;
}

/* ---- Facts about a thread ---- */

typedef struct facts {
    char name[64], state;
    uint64_t cpu_ns;
} facts;

static bool read_small(int thread_id, const char *what, char *out, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/%s", thread_id, what);
    int file = (int)syscall(SYS_open, path, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0) return false;
    int64_t length = syscall(SYS_read, file, out, size - 1);
    syscall(SYS_close, file);
    out[length > 0 ? length : 0] = '\0';
    return length > 0;
}

static bool look(int thread_id, facts *found) {
    char text[512];
    int saved = errno;
    bool exists = read_small(thread_id, "stat", text, sizeof text);
    char *end = exists ? strrchr(text, ')') : NULL;
    if (end) {
        char *begin = strchr(text, '(') + 1;
        snprintf(found->name, sizeof found->name, "%.*s", (int)(end - begin), begin);
        found->state = end[2];
        found->cpu_ns = clocks_thread_ns(thread_id);
    }
    errno = saved;
    return end != NULL;
}

static int run_state(char state) {
    switch (state) {
    case 'R':
        return APPLE_RUNNING;
    case 'S':
        return APPLE_WAITING;
    case 'D':
        return APPLE_UNINTERRUPTIBLE;
    case 'T':
    case 't':
        return APPLE_STOPPED;
    default:
        return APPLE_HALTED;
    }
}

bool thread_describe(int thread_id, void *out) {
    facts found;
    if (!look(thread_id, &found)) return false;
    apple_process_thread *thread = out;
    *thread = (apple_process_thread){.user_time = found.cpu_ns / 1000 * 1000, .run_state = run_state(found.state)};
    memcpy(thread->name, found.name, sizeof thread->name);
    return true;
}

static int fill(void *out, uint32_t *words, const void *from, size_t bytes) {
    if (*words * 4 < bytes) return APPLE_KERN_INVALID_ARGUMENT;
    memcpy(out, from, bytes);
    *words = (uint32_t)(bytes / 4);
    return APPLE_KERN_SUCCESS;
}

int mac_thread_info(uint32_t port, uint32_t flavor, void *out, uint32_t *words) {
    facts found;
    int id = thread_of_port(port);
    if (id == 0 || !look(id, &found)) return APPLE_KERN_INVALID_ARGUMENT;
    uint64_t us = found.cpu_ns / 1000;
    apple_thread_basic basic = {.user = {(int32_t)(us / 1000000), (int32_t)(us % 1000000)},
                                .run_state = run_state(found.state)};
    apple_thread_identifier identifier = {.thread_id = (uint64_t)id, .thread_handle = (uint64_t)id << 12};
    apple_process_thread extended;
    switch (flavor) {
    case APPLE_THREAD_BASIC:
        return fill(out, words, &basic, sizeof basic);
    case APPLE_THREAD_IDENTIFIER:
        return fill(out, words, &identifier, sizeof identifier);
    case APPLE_THREAD_EXTENDED:
        return thread_describe(id, &extended) ? fill(out, words, &extended, sizeof extended)
                                              : APPLE_KERN_INVALID_ARGUMENT;
    default:
        return APPLE_KERN_INVALID_ARGUMENT;
    }
}

/* ---- Forks ---- */

int mac_pthread_atfork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void)) {
    return pthread_atfork(before, in_parent, in_child);
}
