/* stacks.c: threads with small signal stacks and small stacks, each directly above an inaccessible page. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

static uint64_t thread_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void burn(uint64_t ns) {
    uint64_t end = thread_ns() + ns;
    while (thread_ns() < end)
        for (volatile int turns = 20000; turns > 0; turns--) continue;
}

/* Sets the calling thread's signal stack, or removes it if the size is 0. Returns 0, or the error number. */
int use_signal_stack(size_t size) {
    if (size == 0) return sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL) == 0 ? 0 : errno;
    size_t whole = (size + PAGE - 1) / PAGE * PAGE + PAGE;
    char *low = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (low == MAP_FAILED || mprotect(low, PAGE, PROT_NONE) != 0) abort();
    stack_t stack = {.ss_sp = low + PAGE, .ss_size = size};
    return sigaltstack(&stack, NULL) == 0 ? 0 : errno;
}

size_t signal_stack_size(void) {
    stack_t now;
    return sigaltstack(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE) ? now.ss_size : 0;
}

/* Returns 0 if libc still rejects a size that is too small, an invalid address and an unknown flag, or else the
 * number of the first failing check. */
int wrong_calls_fail(void) {
    static char room[65536];
    stack_t tiny = {.ss_sp = room, .ss_size = 16}, odd = {.ss_sp = room, .ss_size = sizeof room, .ss_flags = 77};
    if (sigaltstack(&tiny, NULL) != -1 || errno != ENOMEM) return 1;
    if (sigaltstack((const stack_t *)8, NULL) != -1 || errno != EFAULT) return 2;
    if (sigaltstack(&odd, NULL) != -1 || errno != EINVAL) return 3;
    errno = EXDEV;
    stack_t good = {.ss_sp = room, .ss_size = sizeof room};
    if (sigaltstack(&good, NULL) != 0 || errno != EXDEV) return 4;
    return use_signal_stack(2048) == 0 && errno == EXDEV ? use_signal_stack(0) : 5;
}

/* ---- Threads ---- */

typedef struct burner {
    pthread_t thread;
    size_t signal_stack, used;
    uint64_t ns;
    uint32_t id;
} burner;

static burner burners[64];

static void *run(void *data) {
    burner *own = data;
    volatile char *room = __builtin_alloca(own->used + 1);
    for (size_t i = own->used; i > 0; i--) room[i] = 1;
    __atomic_store_n(&own->id, (uint32_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
    if (own->signal_stack > 0 && use_signal_stack(own->signal_stack) != 0) abort();
    burn(own->ns);
    if (own->signal_stack > 0) use_signal_stack(0);
    return NULL;
}

/* Returns the thread's kernel id once it runs, or 0 if the system creates no thread with such a stack. The thread
 * uses `used` bytes of its stack. */
uint32_t start_thread(int number, uint64_t ns, size_t stack_size, size_t signal_stack, size_t used) {
    pthread_attr_t attributes;
    burner *own = &burners[number];
    *own = (burner){.signal_stack = signal_stack, .used = used, .ns = ns};
    pthread_attr_init(&attributes);
    if (stack_size > 0 && pthread_attr_setstacksize(&attributes, stack_size) != 0) return 0;
    if (pthread_create(&own->thread, &attributes, run, own) != 0) return 0;
    while (__atomic_load_n(&own->id, __ATOMIC_ACQUIRE) == 0) sched_yield();
    return own->id;
}

void join_thread(int number) {
    pthread_join(burners[number].thread, NULL);
}
