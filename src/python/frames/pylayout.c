#include "pylayout.h"

#include "pytstate.h"

#include <frameobject.h>

#include "pyframes.h"
#include "spprof.h"

#include <stdlib.h>
#include <string.h>

#define REMEDY                                                                                                         \
    "install it again with this one: %S -m pip install --force-reinstall --no-cache-dir --no-binary spprof spprof"

static bool refuse(const char *what, unsigned long long found, unsigned long long expected) {
    PyObject *executable = PySys_GetObject("executable");
    PyErr_Format(PyExc_ImportError,
                 "spprof was built for a Python %d.%d that differs from this one (%s: %llu there, %llu here): " REMEDY,
                 PY_MAJOR_VERSION, PY_MINOR_VERSION, what, expected, found, executable ? executable : Py_None);
    return false;
}

/* ---- The interpreter's table of offsets ---- */

#if PY_VERSION_HEX >= 0x030D0000

#include <internal/pycore_interp.h>

#if PY_VERSION_HEX >= 0x030E0000
#include <internal/pycore_interpframe_structs.h>
#else
#include <internal/pycore_frame.h>
#endif

typedef struct member {
    const char *name;
    size_t told_at; /* offset in the table of offsets */
    uint64_t expected;
} member;

#define TOLD(kind, name) offsetof(_Py_DebugOffsets, kind.name)
#define MEMBER(kind, name, type, of_type) {#kind "." #name, TOLD(kind, name), offsetof(type, of_type)}

/* Every member that the walks and the copying of code read, provided that the table contains it. */
static const member members[] = {
    {"free_threaded", offsetof(_Py_DebugOffsets, free_threaded), 0},
    MEMBER(runtime_state, finalizing, _PyRuntimeState, _finalizing),
    MEMBER(runtime_state, interpreters_head, _PyRuntimeState, interpreters.head),
    MEMBER(interpreter_state, next, PyInterpreterState, next),
    MEMBER(interpreter_state, ceval_gil, PyInterpreterState, ceval.gil),
    MEMBER(thread_state, interp, PyThreadState, interp),
    MEMBER(thread_state, current_frame, PyThreadState, current_frame),
    MEMBER(thread_state, datastack_chunk, PyThreadState, datastack_chunk),
    MEMBER(interpreter_frame, previous, _PyInterpreterFrame, previous),
    MEMBER(interpreter_frame, executable, _PyInterpreterFrame, f_executable),
    MEMBER(interpreter_frame, instr_ptr, _PyInterpreterFrame, instr_ptr),
    MEMBER(interpreter_frame, localsplus, _PyInterpreterFrame, localsplus),
    MEMBER(interpreter_frame, owner, _PyInterpreterFrame, owner),
    MEMBER(code_object, filename, PyCodeObject, co_filename),
    MEMBER(code_object, qualname, PyCodeObject, co_qualname),
    MEMBER(code_object, linetable, PyCodeObject, co_linetable),
    MEMBER(code_object, firstlineno, PyCodeObject, co_firstlineno),
    MEMBER(code_object, co_code_adaptive, PyCodeObject, co_code_adaptive),
    MEMBER(pyobject, ob_type, PyObject, ob_type),
    MEMBER(bytes_object, ob_sval, PyBytesObject, ob_sval),
    MEMBER(unicode_object, state, PyUnicodeObject, _base._base.state),
    MEMBER(unicode_object, length, PyUnicodeObject, _base._base.length),
    {"unicode_object.asciiobject_size", TOLD(unicode_object, asciiobject_size), sizeof(PyASCIIObject)},
#if PY_VERSION_HEX >= 0x030E0000
    MEMBER(gen_object, gi_iframe, PyGenObject, gi_iframe),
#endif
#if PY_VERSION_HEX >= 0x030F0000
    MEMBER(thread_state, base_frame, PyThreadState, base_frame),
#endif
};

static bool refuse_free_threaded(void) {
    PyErr_Format(PyExc_ImportError, "spprof cannot profile a free-threaded Python: use a Python %d.%d with the GIL",
                 PY_MAJOR_VERSION, PY_MINOR_VERSION);
    return false;
}

/* The table is copied, in case the running interpreter's is shorter or missing. */
static bool agrees_on_offsets(void) {
    _Py_DebugOffsets told;
    bool is_there = spprof_copy(&told, (uintptr_t)&_PyRuntime.debug_offsets, sizeof told) &&
                    memcmp(told.cookie, _Py_Debug_Cookie, sizeof told.cookie) == 0;
    if (!is_there) return refuse("its table of offsets", 0, 1);
    if (told.version >> 16 != PY_VERSION_HEX >> 16) return refuse("its version", told.version, PY_VERSION_HEX);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        uint64_t found;
        memcpy(&found, (const char *)&told + members[i].told_at, sizeof found);
        if (found == members[i].expected) continue;
        return i == 0 ? refuse_free_threaded() : refuse(members[i].name, found, members[i].expected);
    }
    return true;
}

#else

static bool agrees_on_offsets(void) {
    return true;
}

#endif

/* ---- Frames that are known ---- */

#define KNOWN_FRAMES 4 /* the import system's own frames, provided it runs Python code */

/* Return the position in bytes of code. Before 3.11 it is in the frame object itself, so there is nothing to check. */
static int position_of(PyFrameObject *frame) {
#if PY_VERSION_HEX >= 0x030B0000
    int position = PyFrame_GetLasti(frame);
    return position < 0 ? 0 : position;
#else
    (void)frame;
    return SP_PYFRAMES_ANYWHERE;
#endif
}

/* Get the calling thread's innermost frames from the C API. Return how many there are; their code objects are new
 * references. */
static size_t ask_for_frames(PyCodeObject **codes, int *positions) {
    PyFrameObject *frame = PyEval_GetFrame(), *caller;
    size_t count = 0;
    Py_XINCREF(frame);
    for (; frame != NULL && count < KNOWN_FRAMES; count++) {
        codes[count] = PyFrame_GetCode(frame);
        positions[count] = position_of(frame);
        caller = PyFrame_GetBack(frame);
        Py_DECREF(frame);
        frame = caller;
    }
    Py_XDECREF(frame);
    return count;
}

/* For tests, in test builds only: put the frames into an order that no walk would find. */
static void forge(PyCodeObject **codes, size_t count) {
#ifdef SPPROF_DEBUG
    if (count == 0 || getenv("SPPROF_FORGED_FRAMES") == NULL) return;
    PyCodeObject *first = codes[0];
    codes[0] = codes[count - 1];
    codes[count - 1] = first;
#else
    (void)codes, (void)count;
#endif
}

/* If the thread has entered a subinterpreter through a state other than its first, the walk reads its first
 * (pytstate.h), so there is nothing to compare. */
static bool agrees_on_frames(void) {
    if (sp_pytstate_own() != PyThreadState_Get()) return true;
    PyCodeObject *codes[KNOWN_FRAMES];
    int positions[KNOWN_FRAMES];
    size_t count = ask_for_frames(codes, positions);
    forge(codes, count);
    size_t met = sp_pyframes_meet(codes, positions, count);
    for (size_t i = 0; i < count; i++) Py_DECREF(codes[i]);
    return met == count || refuse("frames at their expected positions", met, count);
}

bool sp_pylayout_check_with_gil(void) {
    return agrees_on_offsets() && agrees_on_frames();
}
