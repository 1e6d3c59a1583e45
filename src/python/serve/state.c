#include "state.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#define WORDS (sizeof(sp_state) / sizeof(uint64_t))

_Static_assert(sizeof(sp_state) % sizeof(uint64_t) == 0, "whole words");

/* Odd while the state is being written. In a child forked at that time, the next write makes it even again. */
static _Atomic uint32_t version;
static _Atomic uint64_t words[WORDS]; /* relaxed; `version` orders them */

static void copy_text(char *to, size_t size, const char *text) {
    size_t length = strlen(text);
    if (length >= size) length = size - 1;
    memcpy(to, text, length);
}

void sp_state_set_with_gil(const char *program, const char *python, int64_t started_ns) {
    sp_state state = {.started_ns = started_ns};
    uint64_t copy[WORDS];
    copy_text(state.program, sizeof state.program, program);
    copy_text(state.python, sizeof state.python, python);
    memcpy(copy, &state, sizeof copy);
    uint32_t odd = atomic_load(&version) | 1;
    atomic_store(&version, odd);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < WORDS; i++) atomic_store_explicit(&words[i], copy[i], memory_order_relaxed);
    atomic_store_explicit(&version, odd + 1, memory_order_release);
}

#define TRIES 1000

/* In a child that was forked during a write, the state stays half written until the next write. */
void sp_state_read(sp_state *state) {
    uint64_t copy[WORDS];
    for (int tries = 0; tries < TRIES; tries++) {
        uint32_t before = atomic_load_explicit(&version, memory_order_acquire);
        for (size_t i = 0; i < WORDS; i++) copy[i] = atomic_load_explicit(&words[i], memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 == 0 && atomic_load_explicit(&version, memory_order_relaxed) == before) break;
    }
    memcpy(state, copy, sizeof *state);
}
