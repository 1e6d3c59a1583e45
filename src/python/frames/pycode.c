#include "pycode.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "spprof.h"

/* Threads may run on 64 KiB stacks, so names that must be re-encoded are truncated to this length: two names take 2
 * KiB. ASCII names are passed to the engine in place and need no buffer. */
#define ENCODED_MAX 1024
#define ASCII_MAX 65535

/* A name as UTF-8. The text is in the unicode object itself, or in the buffer. */
typedef struct name {
    const char *bytes;
    uint32_t length;
    char buffer[ENCODED_MAX];
} name;

/* True for a surrogate with which PEP 383 escapes a byte that is not UTF-8. It is turned back into that byte, so
 * that names stay distinct. */
static bool is_escaped_byte(Py_UCS4 character) {
    return character >= 0xDC80 && character <= 0xDCFF;
}

static char *put_continuation(char *out, Py_UCS4 character, unsigned shift) {
    *out = (char)(0x80 | (character >> shift & 0x3F));
    return out + 1;
}

/* Write at most four bytes and return where the next character goes. */
static char *put_utf8(char *out, Py_UCS4 character) {
    if (character < 0x80 || is_escaped_byte(character)) {
        *out = (char)character;
        return out + 1;
    }
    if (character < 0x800) {
        *out = (char)(0xC0 | character >> 6);
        return put_continuation(out + 1, character, 0);
    }
    if (character < 0x10000) {
        *out = (char)(0xE0 | character >> 12);
        return put_continuation(put_continuation(out + 1, character, 6), character, 0);
    }
    *out = (char)(0xF0 | character >> 18);
    out = put_continuation(put_continuation(out + 1, character, 12), character, 6);
    return put_continuation(out, character, 0);
}

static void encode(name *to, PyObject *text) {
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    char *out = to->buffer;
    const char *last_room = to->buffer + ENCODED_MAX - 4;
    for (Py_ssize_t i = 0; i < length && out <= last_room; i++) out = put_utf8(out, PyUnicode_READ(kind, data, i));
    to->bytes = to->buffer;
    to->length = (uint32_t)(out - to->buffer);
}

static void lend(name *to, const char *bytes, Py_ssize_t length) {
    to->bytes = bytes;
    to->length = (uint32_t)(length < ASCII_MAX ? length : ASCII_MAX);
}

/* Return false for strings whose characters CPython before 3.12 has not laid out yet, since laying them out
 * allocates. The names in code objects are always laid out: the constructor does it. */
static bool is_laid_out(PyObject *text) {
    if (text == NULL || !PyUnicode_Check(text)) return false;
#if PY_VERSION_HEX < 0x030C0000
    return PyUnicode_IS_READY(text);
#else
    return true;
#endif
}

static void read_name(name *to, PyObject *text) {
    if (!is_laid_out(text))
        lend(to, "?", 1);
    else if (PyUnicode_IS_COMPACT_ASCII(text))
        lend(to, PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text));
    else
        encode(to, text);
}

#if PY_VERSION_HEX >= 0x030B0000
#define CODE_NAME(code) ((code)->co_qualname)
#else
#define CODE_NAME(code) ((code)->co_name)
#endif

#if PY_VERSION_HEX >= 0x030A0000
#define CODE_LINES(code) ((code)->co_linetable)
#else
#define CODE_LINES(code) ((code)->co_lnotab)
#endif

static void read_lines(spprof_code *copy, PyObject *table) {
    copy->lines = (const uint8_t *)"";
    copy->lines_length = 0;
    if (table == NULL || !PyBytes_Check(table) || PyBytes_GET_SIZE(table) > UINT32_MAX) return;
    copy->lines = (const uint8_t *)PyBytes_AS_STRING(table);
    copy->lines_length = (uint32_t)PyBytes_GET_SIZE(table);
}

/* Separate from the lookup, so that a known code object uses no stack for the buffers. */
static __attribute__((noinline)) uint32_t intern_slow(PyCodeObject *code) {
    name function, file;
    read_name(&function, CODE_NAME(code));
    read_name(&file, code->co_filename);
    spprof_code copy = {.function = function.bytes,
                        .function_length = function.length,
                        .file = file.bytes,
                        .file_length = file.length,
                        .first_line = code->co_firstlineno};
    read_lines(&copy, CODE_LINES(code));
    return spprof_code_intern((uintptr_t)code, &copy);
}

uint32_t sp_pycode_id(PyCodeObject *code) {
    uint32_t id = spprof_code_lookup((uintptr_t)code);
    return id != 0 ? id : intern_slow(code);
}

/* ---- Addresses that may not be code ---- */

static bool is_object_of(uintptr_t address, const PyTypeObject *type) {
    PyObject head;
    if (address == 0 || address % sizeof(void *) != 0 || !spprof_copy(&head, address, sizeof head)) return false;
    return Py_TYPE(&head) == type && Py_REFCNT(&head) > 0;
}

static bool is_code(uintptr_t address) {
    PyCodeObject copy;
    return is_object_of(address, &PyCode_Type) && spprof_copy(&copy, address, sizeof copy) &&
           is_object_of((uintptr_t)CODE_NAME(&copy), &PyUnicode_Type) &&
           is_object_of((uintptr_t)copy.co_filename, &PyUnicode_Type) &&
           is_object_of((uintptr_t)CODE_LINES(&copy), &PyBytes_Type);
}

uint32_t sp_pycode_id_at(uintptr_t code, bool *no_room) {
    uint32_t id = spprof_code_lookup(code);
    if (id != 0 || !is_code(code)) return id;
    id = intern_slow((PyCodeObject *)code);
    *no_room = id == 0;
    return id;
}

/* ---- Code that is destroyed ---- */

/* Never restored, because another wrapper may be on top of ours by then. */
static destructor original_dealloc;

/* Forget the address first: once the memory is free, another thread may build a code object in it. This code is no
 * longer running anywhere, so no frame can add the address again. */
static void forget_and_dealloc(PyObject *code) {
    __atomic_thread_fence(__ATOMIC_ACQUIRE); /* original_dealloc was written before the type's slot */
    spprof_code_forget((uintptr_t)code);
    original_dealloc(code);
}

void sp_pycode_watch_with_gil(void) {
    if (original_dealloc != NULL) return;
    original_dealloc = PyCode_Type.tp_dealloc;
    __atomic_store_n(&PyCode_Type.tp_dealloc, forget_and_dealloc, __ATOMIC_RELEASE);
}
