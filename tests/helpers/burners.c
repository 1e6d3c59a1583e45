/* burners.c: C functions and threads that use CPU time or wait, and observe what signals do to them. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t thread_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static __attribute__((noinline)) void burn_leaf(void) {
    for (volatile int turns = 20000; turns > 0; turns--) continue;
}

/* Uses `ns` of the calling thread's CPU time. */
__attribute__((noinline)) void burn(uint64_t ns) {
    uint64_t end = thread_ns() + ns;
    while (thread_ns() < end) burn_leaf();
}

/* Raises the signal just before a wait that only the signal can end. Returns true if the wait was interrupted. */
bool breaks_off_wait(int number) {
    int ends[2];
    char byte;
    if (pipe(ends) != 0) abort();
    raise(number);
    return read(ends[0], &byte, 1) == -1 && errno == EINTR;
}

/* Raises the signal, then waits forever, whatever signals arrive. */
void waits_on(int number) {
    raise(number);
    for (;;) pause();
}

/* ---- Threads ---- */

#define BURNERS_MAX 64

typedef struct burner {
    pthread_t thread;
    uint64_t ns;
    bool blocks_all;
    size_t room; /* bytes for handlers on an alternate signal stack, in addition to the kernel's own; 0: no such
                  * stack */
    size_t takes;
} burner;

static burner burners[BURNERS_MAX];
static int started;

static char *handler_stack;

static void note_stack(int number) {
    char here;
    (void)number;
    handler_stack = &here;
}

static void use_alternate(stack_t *alternate, size_t size) {
    *alternate = (stack_t){.ss_size = size, .ss_sp = malloc(size)};
    if (sigaltstack(alternate, NULL) != 0) abort();
}

/* Measures how many bytes the kernel puts on a handler's stack. AT_MINSIGSTKSZ also counts registers that a program
 * can use only after requesting permission. */
static void *measure_kernel(void *taken) {
    struct sigaction noting = {.sa_handler = note_stack, .sa_flags = SA_ONSTACK}, before;
    stack_t large;
    use_alternate(&large, 1 << 16);
    sigaction(SIGRTMAX, &noting, &before);
    pthread_kill(pthread_self(), SIGRTMAX);
    sigaction(SIGRTMAX, &before, NULL);
    *(size_t *)taken = (size_t)((char *)large.ss_sp + large.ss_size - handler_stack);
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    free(large.ss_sp);
    return NULL;
}

static size_t kernel_takes(void) {
    size_t taken = 0;
    pthread_t thread;
    if (pthread_create(&thread, NULL, measure_kernel, &taken) != 0) abort();
    pthread_join(thread, NULL);
    return taken;
}

static void *run_burner(void *data) {
    burner *own = data;
    stack_t alternate = {0};
    if (own->room > 0) use_alternate(&alternate, own->takes + own->room);
    burn(own->ns);
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    free(alternate.ss_sp);
    return NULL;
}

/* Starts threads that have no Python state. `stack_size` 0 selects the default. */
int burners_start(int count, uint64_t ns, bool blocks_all, size_t stack_size, size_t room) {
    pthread_attr_t attributes;
    sigset_t all, before;
    size_t takes = room > 0 ? kernel_takes() : 0;
    pthread_attr_init(&attributes);
    if (stack_size > 0) pthread_attr_setstacksize(&attributes, stack_size);
    sigfillset(&all);
    if (blocks_all) pthread_sigmask(SIG_SETMASK, &all, &before);
    for (started = 0; started < count && started < BURNERS_MAX; started++) {
        burners[started] = (burner){.ns = ns, .blocks_all = blocks_all, .room = room, .takes = takes};
        if (pthread_create(&burners[started].thread, &attributes, run_burner, &burners[started]) != 0) break;
    }
    if (blocks_all) pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

void burners_join(void) {
    while (started > 0) pthread_join(burners[--started].thread, NULL);
}

/* ---- Effects of signals on the program ---- */

/* Makes `times` waits of one millisecond each, and returns how many of them were interrupted by a signal. */
int waits_interrupted(const char *kind, int times) {
    int interrupted = 0;
    for (int i = 0; i < times; i++) {
        struct timespec pause = {.tv_nsec = 1000000};
        struct timeval same = {.tv_usec = 1000};
        int result = kind[0] == 'p'   ? ppoll(NULL, 0, &pause, NULL)
                     : kind[0] == 'o' ? poll(NULL, 0, 1)
                     : kind[0] == 's' ? select(0, NULL, NULL, NULL, &same)
                                      : nanosleep(&pause, NULL);
        interrupted += result != 0 && errno == EINTR;
    }
    return interrupted;
}

/* Returns how many times errno changed while `ns` of CPU time were used. */
int errno_changes(uint64_t ns) {
    int changes = 0;
    uint64_t end = thread_ns() + ns;
    while (thread_ns() < end) {
        errno = EXDEV;
        burn_leaf();
        changes += errno != EXDEV;
    }
    return changes;
}

/* Sends the calling thread the signal that the kernel would send for a timer that is not ours. */
int send_as_timer(int signal_number, uint64_t cookie) {
    siginfo_t info = {.si_code = SI_TIMER};
    info.si_value.sival_ptr = (void *)(uintptr_t)cookie;
    return (int)syscall(SYS_rt_tgsigqueueinfo, getpid(), (int)syscall(SYS_gettid), signal_number, &info);
}
