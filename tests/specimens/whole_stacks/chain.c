/* chain.c: a native library with known stacks: outer -> middle -> leaf -> malloc, from any entry point.
 *
 * It is built without frame pointers. Blocks are never freed, so a snapshot can identify them by size.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* Gives a function a separate frame: it is not inlined, and its frame exists until the call in it returns. */
#define FRAME __attribute__((noinline, noclone))
#define STAY() __asm__ volatile("" ::: "memory")

typedef void callback(size_t size);

static void *volatile kept[64];
static size_t kept_count;

FRAME void chain_leaf(size_t size) {
    kept[kept_count++ % 64] = malloc(size);
}

FRAME void chain_middle(size_t size) {
    chain_leaf(size);
    STAY();
}

FRAME void chain_outer(size_t size) {
    chain_middle(size);
    STAY();
}

/* A function with a frame of variable size, which keeps its frame pointer for that purpose. */
FRAME void chain_alloca(size_t size) {
    volatile char *room = __builtin_alloca(size % 512 + 16);
    room[0] = 1;
    chain_outer(size);
    STAY();
}

FRAME void chain_call(callback *function, size_t size) {
    function(size);
    STAY();
}

/* ---- A thread without Python state ---- */

FRAME void *chain_thread_main(void *size) {
    chain_outer((size_t)size);
    STAY();
    return NULL;
}

int chain_run_thread(size_t size) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, chain_thread_main, (void *)size) != 0) return -1;
    return pthread_join(thread, NULL);
}

/* ---- A signal handler on its own stack ---- */

static size_t signal_size;

FRAME void chain_handler(int number) {
    (void)number;
    chain_outer(signal_size);
    STAY();
}

FRAME int chain_raise(void) {
    int result = raise(SIGUSR2);
    STAY();
    return result;
}

int chain_signal(size_t size) {
    static char stack[65536];
    stack_t own = {.ss_sp = stack, .ss_size = sizeof stack}, before;
    struct sigaction action = {.sa_handler = chain_handler, .sa_flags = SA_ONSTACK};
    signal_size = size;
    if (sigaltstack(&own, &before) != 0 || sigaction(SIGUSR2, &action, NULL) != 0) return -1;
    int result = chain_raise();
    sigaltstack(&before, NULL);
    return result;
}
