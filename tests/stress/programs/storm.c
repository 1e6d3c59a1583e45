/* storm.c: sends the CPU profiler's signal to threads, in two ways.
 *
 *   from outside:   storm_begin(…) ── a thread sends to all targets, as fast as they handle it ── storm_end() → sent
 *   step by step:   steps_begin(…) ── the calling thread sends to itself, ── steps_end()
 *                                     after this instruction or the next
 *
 * From outside, only a few signals may be pending at a time: a signal that waits for another signal's handler would
 * interrupt the very same instruction. Signals between two processors take time, so a hundred million are sent step by
 * step: the processor traps after each instruction (x86-64 only), and every few traps the signal is queued.
 */
#include "spprof.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define THREADS_MAX 64
#define WAITING_MAX 16 /* signals */
#define LOOK_EVERY 8   /* signals */
#define LOOKS_MAX 1000
#define PAUSE_MASK 511 /* turns of an empty loop */

static bool send_to(int thread, int signal_number, uint64_t cookie) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_code = SI_TIMER;
    info.si_value.sival_ptr = (void *)(uintptr_t)cookie;
    return syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, signal_number, &info) == 0;
}

static unsigned next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

/* ---- From outside ---- */

static struct {
    int threads[THREADS_MAX];
    uint64_t cookies[THREADS_MAX];
    int count, signal_number;
    pthread_t sender;
    atomic_bool ending;
    atomic_ulong sent;
    void (*get_stats)(spprof_cpu_stats *stats);
} storm;

static unsigned long handled(void) {
    spprof_cpu_stats stats;
    storm.get_stats(&stats);
    unsigned long sum = stats.samples;
    for (int i = 0; i < SPPROF_CPU_DROP_REASON_COUNT; i++) sum += stats.dropped[i];
    return sum;
}

/* A thread that yields may not run again for a long time, so poll first. */
static void wait_for_handlers(unsigned long sent) {
    for (unsigned looks = 1; sent > handled() + WAITING_MAX && !atomic_load(&storm.ending); looks++)
        if (looks % LOOKS_MAX == 0) sched_yield();
}

static void *send_all(void *unused) {
    uint64_t state = 1;
    unsigned long sent = 0;
    (void)unused;
    while (!atomic_load(&storm.ending)) {
        int target = (int)(next_random(&state) % (unsigned)storm.count);
        sent += send_to(storm.threads[target], storm.signal_number, storm.cookies[target]);
        atomic_store(&storm.sent, sent);
        for (volatile unsigned turns = next_random(&state) & PAUSE_MASK; turns > 0; turns--) continue;
        if (sent % LOOK_EVERY == 0) wait_for_handlers(sent);
    }
    return NULL;
}

/* `engine` is the path of the engine. Returns 0, or the error of pthread_create. */
int storm_begin(const char *engine, const int *threads, int count, int signal_number, const uint64_t *cookies) {
    sigset_t all, before;
    *(void **)&storm.get_stats = dlsym(dlopen(engine, RTLD_NOW), "spprof_cpu_get_stats");
    storm.count = count < THREADS_MAX ? count : THREADS_MAX;
    memcpy(storm.threads, threads, sizeof(int) * (size_t)storm.count);
    memcpy(storm.cookies, cookies, sizeof(uint64_t) * (size_t)storm.count);
    storm.signal_number = signal_number;
    atomic_store(&storm.ending, false);
    atomic_store(&storm.sent, 0);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&storm.sender, NULL, send_all, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

unsigned long storm_sent(void) {
    return atomic_load(&storm.sent);
}

unsigned long storm_end(void) {
    atomic_store(&storm.ending, true);
    pthread_join(storm.sender, NULL);
    return atomic_load(&storm.sent);
}

/* ---- Step by step ---- */

#if defined(__x86_64__)

#define TRAP_FLAG 0x100

static __thread struct {
    bool on;
    int thread, signal_number;
    unsigned apart; /* maximum number of traps between two signals */
    unsigned left;
    uint64_t cookie, state;
    unsigned long sent;
} steps;

/* The profiler's signal is blocked here, so it arrives when this handler returns, at the interrupted instruction. */
static void on_trap(int number, siginfo_t *info, void *context) {
    greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];
    (void)number, (void)info;
    if (!steps.on) {
        *flags &= ~TRAP_FLAG;
        return;
    }
    *flags |= TRAP_FLAG;
    if (steps.left-- > 0) return;
    steps.left = next_random(&steps.state) % steps.apart;
    steps.sent += send_to(steps.thread, steps.signal_number, steps.cookie);
}

bool steps_begin(int signal_number, uint64_t cookie, unsigned apart, uint64_t seed) {
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    sigfillset(&action.sa_mask);
    sigaction(SIGTRAP, &action, NULL);
    steps.on = true;
    steps.thread = (int)syscall(SYS_gettid);
    steps.signal_number = signal_number;
    steps.cookie = cookie;
    steps.apart = apart;
    steps.state = seed;
    steps.left = 0;
    return raise(SIGTRAP) == 0;
}

/* Returns how many signals the calling thread has sent to itself since the last call. */
unsigned long steps_end(void) {
    unsigned long sent = steps.sent;
    steps.on = false;
    steps.sent = 0;
    return sent;
}

#else

bool steps_begin(int signal_number, uint64_t cookie, unsigned apart, uint64_t seed) {
    (void)signal_number, (void)cookie, (void)apart, (void)seed;
    return false;
}

unsigned long steps_end(void) {
    return 0;
}

#endif
