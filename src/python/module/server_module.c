#include "server_module.h"

#include "background.h"
#include "questions.h"
#include "server.h"
#include "sockets.h"
#include "stacks_text.h"
#include "state_text.h"

#include <errno.h>
#include <string.h>

/* ---- Sockets ---- */

#define GO_PREFIX "/debug/pprof"

/* As in all paths (http/endpoints.py), Go's prefix is optional. */
static sp_http_text without_prefix(sp_http_text path) {
    size_t length = sizeof GO_PREFIX - 1;
    bool has_it = path.length > length && memcmp(path.at, GO_PREFIX, length) == 0 && path.at[length] == '/';
    return has_it ? (sp_http_text){path.at + length, path.length - length} : path;
}

static bool answer_directly(const sp_http_request *request, sp_buffer *body, const char **type) {
    sp_http_text path = without_prefix(request->path);
    bool is_state = sp_http_text_is(path, "/stats");
    if (!is_state && !sp_http_text_is(path, "/stacks")) return false;
    if (is_state) *type = "application/json";
    (is_state ? sp_state_text : sp_stacks_text)(body);
    return true;
}

/* Return 0 or an errno. */
static int listen_at(const char *address, const char *token, uint32_t *number, char *bound) {
    int error;
    Py_BEGIN_ALLOW_THREADS
    error = token ? sp_server_listen_at_port(address, token, number, bound) : sp_server_listen_at_path(address, number);
    Py_END_ALLOW_THREADS
    return error;
}

PyObject *sp_server_listen_with_gil(PyObject *module, PyObject *arguments) {
    (void)module;
    const char *address, *token;
    char bound[SP_SOCKET_ADDRESS_MAX] = "";
    uint32_t number = 0;
    if (!PyArg_ParseTuple(arguments, "yz", &address, &token)) return NULL;
    if (token && strlen(token) > SP_HTTP_TOKEN_MAX) {
        PyErr_Format(PyExc_ValueError, "the token is too long: use at most %d characters", SP_HTTP_TOKEN_MAX);
        return NULL;
    }
    sp_server_set(answer_directly, sp_background_wake);
    int error = listen_at(address, token, &number, bound);
    if (error == 0) return Py_BuildValue("(Is)", (unsigned)number, bound);
    errno = error;
    return PyErr_SetFromErrnoWithFilename(PyExc_OSError, address);
}

PyObject *sp_server_close_with_gil(PyObject *module, PyObject *number) {
    (void)module;
    unsigned long wanted = PyLong_AsUnsignedLong(number);
    if (PyErr_Occurred()) return NULL;
    return PyBool_FromLong(sp_server_close((uint32_t)wanted));
}

PyObject *sp_server_pause_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    Py_BEGIN_ALLOW_THREADS
    sp_server_pause();
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

PyObject *sp_server_go_on_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    bool goes_on;
    Py_BEGIN_ALLOW_THREADS
    goes_on = sp_server_go_on();
    Py_END_ALLOW_THREADS
    return PyBool_FromLong(goes_on);
}

/* ---- Questions ---- */

static PyObject *text_with_gil(sp_http_text text) {
    return PyUnicode_DecodeASCII(text.at, (Py_ssize_t)text.length, "replace");
}

PyObject *sp_server_take_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    sp_question found;
    if (!sp_questions_take(&found)) Py_RETURN_NONE;
    PyObject *method = text_with_gil(found.method), *path = text_with_gil(found.path);
    PyObject *query = text_with_gil(found.query), *question = NULL;
    if (method && path && query) question = Py_BuildValue("(KOOO)", (unsigned long long)found.id, method, path, query);
    if (!question) { /* do not leave the client waiting */
        static const char sentence[] = "the program is out of memory\n";
        sp_http_answer answer = {.status = 503,
                                 .type = "text/plain; charset=utf-8",
                                 .file_name = "",
                                 .fields = "",
                                 .length = sizeof sentence - 1};
        sp_questions_answer(found.id, &answer, sentence);
        sp_server_answered();
    }
    Py_XDECREF(method);
    Py_XDECREF(path);
    Py_XDECREF(query);
    return question;
}

PyObject *sp_server_is_asked_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyBool_FromLong(sp_questions_any());
}

PyObject *sp_server_is_wanted_with_gil(PyObject *module, PyObject *id) {
    (void)module;
    unsigned long long wanted = PyLong_AsUnsignedLongLong(id);
    if (PyErr_Occurred()) return NULL;
    return PyBool_FromLong(sp_questions_is_wanted(wanted));
}

PyObject *sp_server_answer_with_gil(PyObject *module, PyObject *arguments) {
    (void)module;
    unsigned long long id;
    sp_http_answer answer = {0};
    Py_buffer body;
    bool is_whole;
    if (!PyArg_ParseTuple(arguments, "Kisssy*", &id, &answer.status, &answer.type, &answer.file_name, &answer.fields,
                          &body))
        return NULL;
    answer.length = (size_t)body.len;
    Py_BEGIN_ALLOW_THREADS
    is_whole = sp_questions_answer(id, &answer, body.buf);
    sp_server_answered();
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&body);
    return PyBool_FromLong(is_whole);
}
