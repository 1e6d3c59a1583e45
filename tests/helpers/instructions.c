/* instructions.c: loops over one call each, whose instructions callgrind counts (instructions.py). Each case is
 * preceded by a hundred uncounted turns, after which the first countdown, pools and lists have settled.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>
#include <valgrind/callgrind.h>

/* Volatile, because the compiler must not find out that the blocks are never used. */
#define CASE(name, begin, turn, end)                                                                                   \
    static __attribute__((noinline)) void name(long turns) {                                                           \
        void *volatile block = NULL;                                                                                   \
        begin;                                                                                                         \
        for (long i = 0; i < turns; i++) {                                                                             \
            turn;                                                                                                      \
        }                                                                                                              \
        end;                                                                                                           \
    }

CASE(nothing, , block = (void *)i, )
CASE(malloc_free, , block = malloc(64); free(block), )
CASE(calloc_free, , block = calloc(1, 64); free(block), )
CASE(realloc_in_place, block = malloc(1000), block = realloc(block, 1000 + (size_t)(i & 1) * 8), free(block))
CASE(object_malloc_free, , block = PyObject_Malloc(64); PyObject_Free(block), )
CASE(object_calloc_free, , block = PyObject_Calloc(1, 64); PyObject_Free(block), )
CASE(object_realloc, block = PyObject_Malloc(60), block = PyObject_Realloc(block, 60 + (size_t)(i & 1)),
     PyObject_Free(block))

/* Leaves the pools of each size partly used, whatever their state before. Otherwise, each pair of calls might or
 * might not unlink a pool and put it back. */
static void settle_pools(void) {
    static void *blocks[512];
    for (size_t size = 16; size <= 512; size += 16) {
        for (int i = 0; i < 512; i++) blocks[i] = PyObject_Malloc(size);
        for (int i = 0; i < 512; i += 2) PyObject_Free(blocks[i]);
    }
}

/* Runs n and then 2n turns. The difference between them excludes one-time work. */
#define COUNT(name)                                                                                                    \
    do {                                                                                                               \
        name(100);                                                                                                     \
        CALLGRIND_DUMP_STATS_AT("before " #name);                                                                      \
        name(turns);                                                                                                   \
        CALLGRIND_DUMP_STATS_AT("once " #name);                                                                        \
        name(2 * turns);                                                                                               \
        CALLGRIND_DUMP_STATS_AT("twice " #name);                                                                       \
    } while (0)

void count_all(long turns) {
    settle_pools();
    COUNT(nothing);
    COUNT(malloc_free);
    COUNT(calloc_free);
    COUNT(realloc_in_place);
    COUNT(object_malloc_free);
    COUNT(object_calloc_free);
    COUNT(object_realloc);
}
