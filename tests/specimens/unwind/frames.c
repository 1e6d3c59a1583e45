/* frames.c: one function for each kind of frame that compilers create. */
#include "specimen.h"

#define FUNCTION static __attribute__((noinline)) void

/* Makes the compiler believe that the contents are used. */
static inline __attribute__((always_inline)) void use(const volatile void *memory) {
    __asm__ volatile("" ::"r"(memory) : "memory");
}

FUNCTION plain(specimen_trace *at) {
    SPECIMEN_ENTER(at);
    specimen_call_next(at);
}

FUNCTION saving(specimen_trace *at) {
    SPECIMEN_ENTER(at);
    uintptr_t a = at->sum, b = a * 3, c = b ^ a, d = c + 7, e = d * 5, f = e - a, g = f ^ d;
    __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g));
    specimen_call_next(at);
    at->sum += a ^ b ^ c ^ d ^ e ^ f ^ g;
}

static __attribute__((noinline)) uintptr_t take_many(specimen_trace *at, uintptr_t a, uintptr_t b, uintptr_t c,
                                                     uintptr_t d, uintptr_t e, uintptr_t f, uintptr_t g, uintptr_t h,
                                                     uintptr_t i) {
    SPECIMEN_ENTER(at);
    specimen_call_next(at);
    return a + b + c + d + e + f + g + h + i;
}

FUNCTION arguments(specimen_trace *at) {
    SPECIMEN_ENTER(at);
    uintptr_t n = at->sum;
    at->sum = take_many(at, n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8);
}

FUNCTION variable(specimen_trace *at) {
    SPECIMEN_ENTER(at);
    uint8_t room[at->sum % 1000 + 1];
    use(room);
    specimen_call_next(at);
    use(room);
}

FUNCTION large(specimen_trace *at) {
    SPECIMEN_ENTER(at);
    uint8_t room[100 * 1024];
    use(room);
    specimen_call_next(at);
    use(room);
}

FUNCTION huge(specimen_trace *at) {
    SPECIMEN_ENTER(at);
    uint8_t room[300 * 1024];
    use(room);
    specimen_call_next(at);
    use(room);
}

FUNCTION realigned(specimen_trace *at) {
    SPECIMEN_ENTER(at);
    uint8_t room[100] __attribute__((aligned(64)));
    use(room);
    specimen_call_next(at);
    use(room);
}

/* Compilers do not let such a function find out where its frame ends. */
FUNCTION realigned_variable(specimen_trace *at) {
    specimen_enter(at, (uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)), 0);
    uint8_t room[at->sum % 1000 + 1], aligned[100] __attribute__((aligned(64)));
    use(room);
    use(aligned);
    specimen_call_next(at);
    use(room);
    use(aligned);
}

#define X(kind) kind,
specimen_function *const FRAMES[SPECIMEN_KIND_COUNT] = {SPECIMEN_KINDS(X)};
#undef X
