#include "pytstate.h"

#include "pyinterpreter.h"

#include <internal/pycore_interp.h>

bool sp_pyinterpreter_is_main_with_gil(void) {
    return PyInterpreterState_Get() == PyInterpreterState_Main();
}

int64_t sp_pyinterpreter_id_with_gil(void) {
    return PyInterpreterState_GetID(PyInterpreterState_Get());
}

/* Before 3.12 there was only one GIL. */
bool sp_pyinterpreter_has_main_gil(void) {
#if PY_VERSION_HEX >= 0x030C0000
    return PyInterpreterState_Get()->ceval.gil == PyInterpreterState_Main()->ceval.gil;
#else
    return true;
#endif
}

bool sp_pyinterpreter_controls_with_gil(const char *profiler, const char *function) {
    if (sp_pyinterpreter_has_main_gil()) return true;
    PyErr_Format(PyExc_RuntimeError,
                 "this subinterpreter has its own GIL and cannot control the %s profiler: call %s() in the main "
                 "interpreter; one profiler serves the whole process and samples every interpreter",
                 profiler, function);
    return false;
}
