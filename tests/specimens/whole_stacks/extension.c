/* extension.c: a C extension with known stacks, which calls back into Python in every way.
 *
 * It is built without frame pointers. Blocks are never freed, so a snapshot can identify them by size.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>
#include <stdlib.h>

/* Gives a function a separate frame: it is not inlined, and its frame exists until the call in it returns. */
#define FRAME __attribute__((noinline, noclone))
#define STAY() __asm__ volatile("" ::: "memory")

static void *volatile kept[1024];
static size_t kept_count;

FRAME void extension_leaf(size_t size) {
    kept[kept_count++ % 1024] = malloc(size);
}

/* allocate(size) */
FRAME PyObject *extension_allocate(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module, (void)count;
    extension_leaf(PyLong_AsSize_t(arguments[0]));
    STAY();
    Py_RETURN_NONE;
}

/* call(function, arguments): uses PyObject_Call */
FRAME PyObject *extension_call(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module, (void)count;
    PyObject *result = PyObject_Call(arguments[0], arguments[1], NULL);
    STAY();
    return result;
}

/* call_method(object, name) */
FRAME PyObject *extension_call_method(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module, (void)count;
    PyObject *result = PyObject_CallMethodObjArgs(arguments[0], arguments[1], NULL);
    STAY();
    return result;
}

FRAME void *extension_thread_main(void *function) {
    PyGILState_STATE state = PyGILState_Ensure();
    Py_XDECREF(PyObject_CallObject(function, NULL));
    PyGILState_Release(state);
    STAY();
    return NULL;
}

/* call_in_thread(function): calls it in a native thread that takes the GIL for the call */
static PyObject *extension_call_in_thread(PyObject *module, PyObject *function) {
    (void)module;
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, extension_thread_main, function);
    Py_BEGIN_ALLOW_THREADS
    if (!failed) failed = pthread_join(thread, NULL);
    Py_END_ALLOW_THREADS
    return PyBool_FromLong(!failed);
}

static PyMethodDef methods[] = {
    {"allocate", (PyCFunction)(void (*)(void))extension_allocate, METH_FASTCALL, NULL},
    {"call", (PyCFunction)(void (*)(void))extension_call, METH_FASTCALL, NULL},
    {"call_method", (PyCFunction)(void (*)(void))extension_call_method, METH_FASTCALL, NULL},
    {"call_in_thread", extension_call_in_thread, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "extension", .m_size = -1,
                                        .m_methods = methods};

PyMODINIT_FUNC PyInit_extension(void) {
    return PyModule_Create(&definition);
}
