#include "pytstate.h"

#include "pythreads.h"

#include <internal/pycore_interp.h>

/* Another GIL may be held: the number is one word. */
uint64_t sp_pythreads_made(void) {
    PyInterpreterState *interpreter = PyInterpreterState_Main();
#if PY_VERSION_HEX >= 0x030B0000
    return __atomic_load_n(&interpreter->threads.next_unique_id, __ATOMIC_RELAXED);
#else
    return __atomic_load_n(&interpreter->tstate_next_unique_id, __ATOMIC_RELAXED);
#endif
}
