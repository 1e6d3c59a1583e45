/* patched.c: a library that calls malloc in every possible way. Compiled once for each way of linking. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void *early;

/* Runs inside dlopen. */
__attribute__((constructor)) static void allocate_early(void) {
    early = malloc(11111);
}

void *by_call(size_t size) {
    return malloc(size);
}

/* Calls through pointers that the loader fills in: absolute relocations. */
static struct {
    void *(*malloc)(size_t);
    void (*free)(void *);
} table = {malloc, free};

void *by_table(size_t size) {
    return table.malloc(size);
}

void give_back(void *block) {
    free(block);
}

void give_back_by_table(void *block) {
    table.free(block);
}

/* libc allocates, the caller frees. */
char *by_libc(size_t size) {
    char *text = malloc(size);
    memset(text, 'x', size - 1);
    text[size - 1] = '\0';
    char *copy = strdup(text);
    free(text);
    return copy;
}

/* Finds the other library through its own RUNPATH only. */
int load(const char *name) {
    return dlopen(name, RTLD_NOW) != NULL;
}

/* Loops until told to stop. */
static atomic_bool reloading = true;

void reload(const char *name) {
    while (reloading) dlclose(dlopen(name, RTLD_NOW));
}

void end_reloading(void) {
    reloading = false;
}

#define THREADS 8
static atomic_bool ending;
static pthread_t threads[THREADS];

static void *churn(void *unused) {
    (void)unused;
    while (!ending) {
        void *block = realloc(malloc(300), 700);
        free(block);
    }
    return NULL;
}

void start_churning(void) {
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, churn, NULL);
}

void end_churning(void) {
    ending = true;
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}
