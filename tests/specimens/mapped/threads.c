/* Maps memory in a thread without Python state, as libraries with thread pools do. */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

static pthread_barrier_t mapped, finished;

static void *body(void *bytes) {
    size_t size = *(size_t *)bytes;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) memset(memory, 1, size);
    pthread_barrier_wait(&mapped);
    pthread_barrier_wait(&finished);
    return memory;
}

static pthread_t thread;
static size_t wanted;

void map_in_thread(size_t size) {
    wanted = size;
    pthread_barrier_init(&mapped, NULL, 2);
    pthread_barrier_init(&finished, NULL, 2);
    pthread_create(&thread, NULL, body, &wanted);
    pthread_setname_np(thread, "pool-7");
    pthread_barrier_wait(&mapped);
}

void let_it_end(void) {
    pthread_barrier_wait(&finished);
    pthread_join(thread, NULL);
}
