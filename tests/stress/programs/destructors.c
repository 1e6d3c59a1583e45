/* destructors.c: allocates while a thread or a process is ending.
 *
 *   main thread: static destructor, atexit, on_exit ◄── other threads continue to allocate
 *   threads:     pthread keys whose destructors allocate and set themselves again; C++'s __thread destructors
 *
 * usage: destructors THREADS        ends with status 5
 */
#include "engine.h"

#include <pthread.h>
#include <stdatomic.h>

#define KEYS 4
#define EXIT_STATUS 5

/* The compiler calls this function for C++ thread_local objects. */
extern int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *dso) __attribute__((weak));
extern void *__dso_handle;

static pthread_key_t keys[KEYS];
static atomic_ulong destroyed;
static unsigned long expected;
static bool there;

static void churn(int count) {
    void *blocks[20] = {0};
    for (int i = 0; i < count; i++) {
        void **place = &blocks[i % 20];
        free(*place);
        *place = malloc(100 + (size_t)i);
        CHECK(*place);
        memset(*place, i, 100);
    }
    for (int i = 0; i < 20; i++) free(blocks[i]);
}

/* Sets its key again as many times as the system allows. Each value is a block that the next round frees. */
static void destroy_key(void *value) {
    churn(30);
    size_t turn = *(size_t *)value;
    pthread_key_t key = keys[turn % KEYS];
    free(value);
    atomic_fetch_add(&destroyed, 1);
    if (turn >= 2 * KEYS) return;
    size_t *next = malloc(5000);
    *next = turn + KEYS;
    pthread_setspecific(key, next);
}

static void destroy_object(void *object) {
    churn(30);
    free(object);
    atomic_fetch_add(&destroyed, 1);
}

static void *live_and_end(void *unused) {
    (void)unused;
    for (size_t i = 0; i < KEYS; i++) {
        size_t *value = malloc(5000);
        *value = i;
        pthread_setspecific(keys[i], value);
    }
    if (__cxa_thread_atexit_impl) __cxa_thread_atexit_impl(destroy_object, malloc(6000), &__dso_handle);
    churn(100);
    return NULL;
}

__attribute__((noreturn)) static void *go_on(void *unused) {
    (void)unused;
    for (;;) churn(100);
}

static void at_exit(void) {
    churn(200);
    CHECK(destroyed == expected);
    if (there) engine_stats();
}

static void on_exit_too(int status, void *block) {
    CHECK(status == EXIT_STATUS);
    free(block);
    churn(200);
}

__attribute__((destructor)) static void at_the_very_end(void) {
    churn(200);
    free(strdup("after atexit"));
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    int count = atoi(argv[1]);
    there = engine_begin();
    CHECK(atexit(at_exit) == 0 && on_exit(on_exit_too, malloc(7000)) == 0);
    for (int i = 0; i < KEYS; i++) CHECK(pthread_key_create(&keys[i], destroy_key) == 0);
    for (int i = 0; i < count; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, live_and_end, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    expected = (unsigned long)count * (3 * KEYS + (__cxa_thread_atexit_impl ? 1 : 0));
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, go_on, NULL) == 0);
    }
    exit(EXIT_STATUS);
}
