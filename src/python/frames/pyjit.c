#include "pyjit.h"

/* Defined as in builds with the JIT. Their thread states have one more member, and the interpreter state contains a
 * thread state. */
#define _Py_TIER2 1
#include "pytstate.h"

#include "spprof.h"

#if PY_VERSION_HEX >= 0x030E0000

#include <stdatomic.h>

#pragma GCC diagnostic push /* functions in these headers leave parameters unused */
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <internal/pycore_interp.h>
#include <internal/pycore_optimizer.h>
#pragma GCC diagnostic pop

typedef struct _PyExecutorObject executor;

/* ---- One executor ---- */

#define EXECUTOR_HEAD offsetof(executor, exits)
#define JIT_PAGE ((uintptr_t)4096) /* two executors never share a page */
#define JIT_PAGES_MAX 256          /* 1 MiB per executor; later pages get no hint */

static bool read_executor(uintptr_t at, executor *copy) {
    return at != 0 && at % sizeof(void *) == 0 && spprof_copy(copy, at, EXECUTOR_HEAD);
}

static bool is_code_of(const executor *copy, uintptr_t pc) {
    return copy->jit_code != NULL && pc - (uintptr_t)copy->jit_code < copy->jit_size;
}

/* ---- Hints: [ 16 bits of the page | the executor's address, 48 bits ], one set of hints per page ---- */

#define SETS 4096
#define WAYS 4
#define HINT_ADDRESS_BITS 48
#define HINT_ADDRESS_MASK ((UINT64_C(1) << HINT_ADDRESS_BITS) - 1)

static _Atomic uint64_t hints[SETS][WAYS];

static _Atomic uint64_t *hints_of(uintptr_t page) {
    return hints[page % SETS];
}

static uint64_t hint_for(uintptr_t page, uintptr_t at) {
    return (uint64_t)(page / SETS) << HINT_ADDRESS_BITS | (at & HINT_ADDRESS_MASK);
}

/* Relaxed, because each use of a hint is checked. */
static void add_hint(uintptr_t page, uintptr_t at) {
    _Atomic uint64_t *set = hints_of(page);
    uint64_t hint = hint_for(page, at);
    for (int way = 0; way < WAYS; way++)
        if (atomic_load_explicit(&set[way], memory_order_relaxed) == hint) return;
    for (int way = WAYS - 1; way > 0; way--)
        atomic_store_explicit(&set[way], atomic_load_explicit(&set[way - 1], memory_order_relaxed),
                              memory_order_relaxed);
    atomic_store_explicit(&set[0], hint, memory_order_relaxed);
}

static bool is_hinted_at(uintptr_t pc) {
    uintptr_t page = pc / JIT_PAGE;
    _Atomic uint64_t *set = hints_of(page);
    executor copy;
    for (int way = 0; way < WAYS; way++) {
        uint64_t hint = atomic_load_explicit(&set[way], memory_order_relaxed);
        uintptr_t at = (uintptr_t)(hint & HINT_ADDRESS_MASK);
        if (at != 0 && hint == hint_for(page, at) && read_executor(at, &copy) && is_code_of(&copy, pc)) return true;
    }
    return false;
}

/* ---- All executors ---- */

#define EXECUTORS_MAX (1 << 20) /* a list that changes while it is read may have no end */
#define INTERPRETERS_MAX 4096

typedef struct search {
    uintptr_t pc;
    bool found;
    size_t left; /* how many more executors to look at */
} search;

/* The newest executors come first. Older ones got their hints when they were the newest. */
static bool is_over(const search *for_code) {
    return for_code->found || for_code->left == 0;
}

/* Look at one executor. Return whether it could be read. */
static bool look_at(search *for_code, uintptr_t at, executor *copy) {
    for_code->left--;
    if (!read_executor(at, copy)) return false;
    uintptr_t first = (uintptr_t)copy->jit_code / JIT_PAGE;
    for (uintptr_t page = 0; page < JIT_PAGES_MAX && page * JIT_PAGE < copy->jit_size; page++)
        add_hint(first + page, at);
    for_code->found = is_code_of(copy, for_code->pc);
    return true;
}

static void look_through_list(search *for_code, uintptr_t at) {
    executor copy;
    while (at != 0 && !is_over(for_code) && look_at(for_code, at, &copy)) at = (uintptr_t)copy.vm_data.links.next;
}

/* Read one member of an object that may have been freed. */
#define READ(to, object, member) spprof_copy(&(to), (uintptr_t)&(object)->member, sizeof(to))

#if PY_VERSION_HEX >= 0x030F0000

#define AT_ONCE 64

static void look_through_array(search *for_code, executor *const *array, size_t count) {
    uintptr_t some[AT_ONCE];
    executor copy;
    while (count > 0 && !is_over(for_code)) {
        size_t reading = count < AT_ONCE ? count : AT_ONCE;
        count -= reading;
        if (!spprof_copy(some, (uintptr_t)(array + count), reading * sizeof *some)) return;
        while (reading > 0 && !is_over(for_code)) look_at(for_code, some[--reading], &copy);
    }
}

static void look_through(search *for_code, const PyInterpreterState *interpreter) {
    executor **array, *deleted, *cold[2], copy;
    size_t count;
    if (READ(array, interpreter, executor_ptrs) && READ(count, interpreter, executor_count))
        look_through_array(for_code, array, count);
    if (READ(cold[0], interpreter, cold_executor) && READ(cold[1], interpreter, cold_dynamic_executor))
        for (int i = 0; i < 2 && !is_over(for_code); i++) look_at(for_code, (uintptr_t)cold[i], &copy);
    if (READ(deleted, interpreter, executor_deletion_list_head)) look_through_list(for_code, (uintptr_t)deleted);
}

/* Return a value that changes whenever an executor is created. */
static uint64_t newest_of(const PyInterpreterState *interpreter) {
    executor **array, *newest = NULL;
    size_t count;
    if (!READ(array, interpreter, executor_ptrs) || !READ(count, interpreter, executor_count)) return 0;
    if (count > 0 && !spprof_copy(&newest, (uintptr_t)(array + count - 1), sizeof newest)) return 0;
    return (uintptr_t)newest + count;
}

#else

static void look_through(search *for_code, const PyInterpreterState *interpreter) {
    executor *alive, *deleted;
    if (READ(alive, interpreter, executor_list_head)) look_through_list(for_code, (uintptr_t)alive);
    if (READ(deleted, interpreter, executor_deletion_list_head)) look_through_list(for_code, (uintptr_t)deleted);
}

static uint64_t newest_of(const PyInterpreterState *interpreter) {
    executor *alive;
    return READ(alive, interpreter, executor_list_head) ? (uintptr_t)alive : 0;
}

#endif

static PyInterpreterState *first_interpreter(void) {
    return __atomic_load_n(&_PyRuntime.interpreters.head, __ATOMIC_ACQUIRE);
}

static PyInterpreterState *next_interpreter(const PyInterpreterState *interpreter) {
    PyInterpreterState *next;
    return READ(next, interpreter, next) ? next : NULL;
}

static uint64_t newest_of_all(void) {
    uint64_t newest = 0;
    int left = INTERPRETERS_MAX;
    for (const PyInterpreterState *at = first_interpreter(); at != NULL && left > 0; at = next_interpreter(at), left--)
        newest = newest * 31 + newest_of(at);
    return newest;
}

static bool is_listed(uintptr_t pc) {
    search for_code = {.pc = pc, .left = EXECUTORS_MAX};
    int left = INTERPRETERS_MAX;
    for (const PyInterpreterState *at = first_interpreter(); at != NULL && left > 0;
         at = next_interpreter(at), left--) {
        look_through(&for_code, at);
        if (is_over(&for_code)) break;
    }
    return for_code.found;
}

/* Code from other generators is in no list. Walking all lists for each of its frames would be too slow. */
static bool is_generated(uintptr_t pc) {
    static _Atomic uint64_t looked_through; /* the newest executor when all lists were last searched in vain */
    if (is_hinted_at(pc)) return true;
    uint64_t newest = newest_of_all();
    if (newest == atomic_load_explicit(&looked_through, memory_order_relaxed)) return false;
    bool found = is_listed(pc);
    if (!found) atomic_store_explicit(&looked_through, newest, memory_order_relaxed);
    return found;
}

/* CPython publishes no offsets for the lists of executors. But if the interpreter state has the same size as in
 * these headers, the lists have not moved. Another release of this version may have a larger state; generated code
 * then shows as unknown code. */
static bool knows_where_executors_are(void) {
    return _PyRuntime.debug_offsets.interpreter_state.size == sizeof(PyInterpreterState);
}

void sp_pyjit_register(void) {
    if (knows_where_executors_are()) spprof_set_generated_code(is_generated);
}

#else

void sp_pyjit_register(void) {
}

#endif
