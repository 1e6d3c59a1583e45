/* engine.h: how C programs reach the engine, which is loaded in the way that the environment specifies.
 *
 *   STRESS_MODE     "plain": no engine; "preload": it was preloaded; "patch": loaded here from STRESS_LIBRARY
 *   STRESS_RATE     bytes between samples; empty: the engine is loaded but never started
 *
 * A program links no part of the engine, so it runs unchanged without it.
 */
#ifndef STRESS_ENGINE_H
#define STRESS_ENGINE_H

#include "spprof.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

__attribute__((noreturn)) static inline void check_failed(const char *condition, const char *file, int line) {
    char message[512];
    int length = snprintf(message, sizeof message, "%s:%d: not so: %s (errno %d)\n", file, line, condition, errno);
    ssize_t written = write(STDERR_FILENO, message, (size_t)length);
    (void)written;
    _exit(1);
}

static inline const char *stress_mode(void) {
    const char *mode = getenv("STRESS_MODE");
    return mode ? mode : "plain";
}

static inline void *engine_find(const char *name) {
    static void *library;
    if (!library && strcmp(stress_mode(), "patch") == 0) library = dlopen(getenv("STRESS_LIBRARY"), RTLD_NOW);
    void *found = dlsym(library ? library : RTLD_DEFAULT, name);
    CHECK(found);
    return found;
}

#define ENGINE(name) ((__typeof__(&spprof_##name))engine_find("spprof_" #name))

/* Returns true if an engine is loaded, whether or not it is started. */
static inline bool engine_begin(void) {
    const char *rate = getenv("STRESS_RATE");
    if (strcmp(stress_mode(), "plain") == 0) return false;
    if (strcmp(stress_mode(), "patch") == 0) CHECK(ENGINE(patch)() > 0);
    if (!rate || !*rate) return true;
    CHECK(ENGINE(start)((uint32_t)strtoul(rate, NULL, 10), NULL) == SPPROF_OK);
    return true;
}

static inline spprof_stats engine_stats(void) {
    spprof_stats stats;
    ENGINE(get_stats)(&stats);
    CHECK(stats.total_samples == stats.live_samples + stats.freed_samples);
    return stats;
}

static inline uint64_t next_random(uint64_t *state) {
    uint64_t word = *state += UINT64_C(0x9E3779B97F4A7C15);
    word = (word ^ word >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    word = (word ^ word >> 27) * UINT64_C(0x94D049BB133111EB);
    return word ^ word >> 31;
}

#endif
