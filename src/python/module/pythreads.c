#include "pytstate.h"

#include "pythreads.h"

#include <internal/pycore_interp.h>

uint64_t sp_pythreads_made_with_gil(void) {
    PyInterpreterState *interpreter = PyThreadState_Get()->interp;
#if PY_VERSION_HEX >= 0x030B0000
    return interpreter->threads.next_unique_id;
#else
    return interpreter->tstate_next_unique_id;
#endif
}
