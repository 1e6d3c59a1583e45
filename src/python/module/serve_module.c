#include "serve_module.h"

#include "own_numbers.h"
#include "pycode.h"
#include "pyframes.h"
#include "pyinterpreter.h"
#include "spprof.h"
#include "stacks_text.h"
#include "state.h"
#include "state_text.h"

PyObject *sp_set_state_with_gil(PyObject *module, PyObject *arguments) {
    (void)module;
    const char *program, *python;
    long long started_ns;
    if (!PyArg_ParseTuple(arguments, "ssL:set_state", &program, &python, &started_ns)) return NULL;
    if (!sp_pyinterpreter_controls_with_gil("CPU", "listen")) return NULL;
    sp_state_set_with_gil(program, python, started_ns);
    Py_RETURN_NONE;
}

static PyObject *raise_status(spprof_thread_stacks_status status) {
    if (status != SPPROF_THREAD_STACKS_NO_SIGNAL) return PyErr_NoMemory();
    PyErr_SetString(PyExc_OSError,
                    "thread stacks need a free real-time signal, but the program handles all of them: call "
                    "spprof.listen() before it installs those handlers. If a sandbox refuses rt_sigaction, allow it");
    return NULL;
}

PyObject *sp_prepare_stacks_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    if (!sp_pyinterpreter_controls_with_gil("CPU", "listen")) return NULL;
    sp_pycode_watch_with_gil();
    sp_pyframes_register();
    spprof_follow_signal_stacks();
    spprof_thread_stacks_status status = spprof_thread_stacks_prepare();
    if (status != SPPROF_THREAD_STACKS_OK) return raise_status(status);
    Py_RETURN_NONE;
}

static PyObject *answer(void (*put)(sp_buffer *)) {
    sp_buffer buffer = {0};
    PyObject *bytes;
    Py_BEGIN_ALLOW_THREADS
    put(&buffer);
    Py_END_ALLOW_THREADS
    if (buffer.is_short)
        bytes = PyErr_NoMemory();
    else
        bytes = PyBytes_FromStringAndSize(buffer.data, (Py_ssize_t)buffer.length);
    sp_buffer_free(&buffer);
    return bytes;
}

PyObject *sp_stacks_text_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return answer(sp_stacks_text);
}

PyObject *sp_state_text_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return answer(sp_state_text);
}

PyObject *sp_resident_bytes_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    sp_own_numbers numbers;
    sp_own_numbers_read(&numbers);
    return PyLong_FromUnsignedLongLong(numbers.rss_bytes);
}
