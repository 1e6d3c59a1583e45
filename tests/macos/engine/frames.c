/* frames.c: compiled twice, with and without frame pointers; KIND is the first word of the names. */
#include "frames.h"

#include <string.h>

#define JOIN(a, b) a##b
#define NAME_OF(kind, name) JOIN(kind, name)
#define NAME(name) NAME_OF(KIND, name)

/* Code after the call, which keeps it from becoming a jump. */
#define RETURN_BEHIND(call)                                                                                            \
    void *result = call;                                                                                               \
    __asm__ volatile("" : "+r"(result));                                                                               \
    return result

static __attribute__((noinline)) void *NAME(_inner)(frames_work *work, void *data) {
    RETURN_BEHIND(work(data));
}

static __attribute__((noinline)) void *NAME(_middle)(frames_work *work, void *data) {
    char room[4096];
    memset(room, 1, sizeof room);
    __asm__ volatile("" : : "r"(room) : "memory");
    RETURN_BEHIND(NAME(_inner)(work, data));
}

/* Saves all registers that a function must keep. */
__attribute__((noinline)) void *NAME(_outer)(frames_work *work, void *data) {
    __asm__ volatile("" : : : "rbx", "r12", "r13", "r14", "r15");
    RETURN_BEHIND(NAME(_middle)(work, data));
}
