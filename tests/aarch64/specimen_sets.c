#include "specimens.h"

/* The names that test_aarch64.py passes as SET. */
#define SETS(X)                                                                                                        \
    X(usual)                                                                                                           \
    X(unoptimized)                                                                                                     \
    X(small)                                                                                                           \
    X(omitting)                                                                                                        \
    X(keeping)                                                                                                         \
    X(protected)                                                                                                       \
    X(clashing)                                                                                                        \
    X(authenticated)                                                                                                   \
    X(authenticated_omitting)                                                                                          \
    X(authenticated_by_other_key)

#define X(name) extern const specimen_set name;
SETS(X)
#undef X

const specimen_set *const specimen_sets[] = {
#define X(name) &name,
    SETS(X)
#undef X
};
const size_t specimen_set_count = sizeof specimen_sets / sizeof *specimen_sets;
