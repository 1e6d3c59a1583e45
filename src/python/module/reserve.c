#include "reserve.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define MIB ((size_t)1 << 20)
#define RESERVE_MAX_MIB 48 /* 28 to read names and lines of native code from files; 20 for 2000 stacks */
#define PAGE_MIN 4096
#define SHARE_OF_LIMIT 10
#define STEPS 8 /* the space that is left may be less than the reserve */

/* The address, with the size in MiB in the bits below the page size; 0 if there is no reserve. It is a single word:
 * the thread that exchanges it owns the mapping. */
static _Atomic uintptr_t reserve;

static size_t under_limit(size_t mib, int resource) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return mib;
    rlim_t share = limit.rlim_cur / SHARE_OF_LIMIT / MIB;
    return share < mib ? (size_t)share : mib;
}

static uintptr_t map(size_t mib) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *address = mib ? mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE, flags, -1, 0) : MAP_FAILED;
    return address == MAP_FAILED ? 0 : (uintptr_t)address | mib;
}

static bool unmap(uintptr_t taken) {
    size_t mib = taken % PAGE_MIN;
    return taken != 0 && munmap((void *)(taken - mib), mib * MIB) == 0;
}

PyObject *sp_reserve_take_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    uintptr_t taken = 0, none = 0;
    size_t most = under_limit(under_limit(RESERVE_MAX_MIB, RLIMIT_AS), RLIMIT_DATA);
    for (size_t eighths = STEPS; reserve == 0 && taken == 0 && eighths > 0; eighths--)
        taken = map(most * eighths / STEPS);
    if (!atomic_compare_exchange_strong(&reserve, &none, taken)) unmap(taken);
    Py_RETURN_NONE;
}

PyObject *sp_reserve_give_back_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyBool_FromLong(unmap(atomic_exchange(&reserve, 0)));
}
