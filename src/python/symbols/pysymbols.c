#include "pysymbols.h"

#include "aside.h"
#include "spprof.h"

#include <stdbool.h>

/* ---- Modules ---- */

static PyObject *convert_module(const spprof_module *module) {
    typedef unsigned long long wide;
    PyObject *path = PyUnicode_DecodeFSDefault(module->path);
    if (!path) return NULL;
    return Py_BuildValue("(KKKINy#)", (wide)module->start, (wide)module->end, (wide)module->base, module->generation,
                         path, (const char *)module->build_id, (Py_ssize_t)module->build_id_length);
}

PyObject *sp_pysymbols_modules_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    PyObject *list = PyList_New(0);
    spprof_module known;
    for (uint32_t i = 0; list && spprof_module_get(i, &known); i++) {
        PyObject *converted = convert_module(&known);
        if (!converted || PyList_Append(list, converted) != 0) Py_CLEAR(list);
        Py_XDECREF(converted);
    }
    return list;
}

PyObject *sp_pysymbols_interpreter_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyLong_FromVoidPtr((void *)PyObject_Malloc);
}

/* ---- Symbols ---- */

void *sp_pysymbols_allocate_with_gil(size_t count, size_t size) {
    int64_t countdown = sp_aside_begin();
    void *block = PyMem_RawCalloc(count + 1, size);
    sp_aside_end(countdown);
    return block ? block : PyErr_NoMemory();
}

uint64_t *sp_pysymbols_numbers_with_gil(PyObject *sequence, size_t *count) {
    PyObject *fast = PySequence_Fast(sequence, "addresses must be a sequence");
    if (!fast) return NULL;
    *count = (size_t)PySequence_Fast_GET_SIZE(fast);
    uint64_t *numbers = sp_pysymbols_allocate_with_gil(*count, sizeof *numbers);
    for (size_t i = 0; numbers && i < *count && !PyErr_Occurred(); i++)
        numbers[i] = PyLong_AsUnsignedLongLong(PySequence_Fast_GET_ITEM(fast, (Py_ssize_t)i));
    Py_DECREF(fast);
    if (!PyErr_Occurred()) return numbers;
    PyMem_RawFree(numbers);
    return NULL;
}

/* Retry until there is room for all names. Names that did not fit in the last answer are reported as missing. */
static bool ask(const spprof_symbols_query *query, spprof_symbols *symbols, spprof_symbols_status *status) {
    size_t wanted = query->count * 64;
    for (int tries = 0; tries < 3; tries++) {
        PyMem_RawFree(symbols->names);
        symbols->names = sp_pysymbols_allocate_with_gil(wanted, 1);
        symbols->names_capacity = wanted;
        if (!symbols->names) return false;
        Py_BEGIN_ALLOW_THREADS
        *status = spprof_symbols_find(query, symbols);
        Py_END_ALLOW_THREADS
        if (symbols->names_length <= wanted) break;
        wanted = symbols->names_length;
    }
    return true;
}

static PyObject *convert_symbol(const spprof_symbol *symbol, const spprof_symbols *symbols) {
    bool is_told = symbol->length > 0 && symbol->name + (size_t)symbol->length <= symbols->names_capacity;
    if (!is_told) Py_RETURN_NONE;
    PyObject *name = PyUnicode_DecodeUTF8(symbols->names + symbol->name, symbol->length, "backslashreplace");
    return name ? Py_BuildValue("(NK)", name, (unsigned long long)symbol->start) : NULL;
}

static PyObject *convert_symbols(const spprof_symbols *symbols, size_t count, spprof_symbols_status status) {
    static const char *const names[] = {
        [SPPROF_SYMBOLS_FOUND] = "found",
        [SPPROF_SYMBOLS_NO_FILE] = "no file",
        [SPPROF_SYMBOLS_NOT_AN_ELF] = "not an ELF file",
        [SPPROF_SYMBOLS_OTHER_BUILD] = "another build",
        [SPPROF_SYMBOLS_OUT_OF_MEMORY] = "out of memory",
    };
    PyObject *found = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; found && i < count; i++) {
        PyObject *converted = convert_symbol(&symbols->found[i], symbols);
        if (converted)
            PyList_SET_ITEM(found, (Py_ssize_t)i, converted);
        else
            Py_CLEAR(found);
    }
    if (!found) return NULL;
    return Py_BuildValue("(sOON)", names[status], symbols->has_symtab ? Py_True : Py_False,
                         symbols->has_lines ? Py_True : Py_False, found);
}

static PyObject *find(const spprof_symbols_query *query) {
    spprof_symbols symbols = {.found = sp_pysymbols_allocate_with_gil(query->count, sizeof *symbols.found)};
    spprof_symbols_status status;
    PyObject *result = NULL;
    if (symbols.found && ask(query, &symbols, &status)) result = convert_symbols(&symbols, query->count, status);
    PyMem_RawFree(symbols.names);
    PyMem_RawFree(symbols.found);
    return result;
}

PyObject *sp_pysymbols_find_with_gil(PyObject *module, PyObject *arguments) {
    (void)module;
    PyObject *path, *addresses;
    const char *build_id;
    Py_ssize_t build_id_length;
    if (!PyArg_ParseTuple(arguments, "O&y#O:symbols", PyUnicode_FSConverter, &path, &build_id, &build_id_length,
                          &addresses))
        return NULL;
    spprof_symbols_query query = {.path = PyBytes_AS_STRING(path),
                                  .build_id = (const uint8_t *)build_id,
                                  .build_id_length = (uint32_t)build_id_length};
    uint64_t *numbers = sp_pysymbols_numbers_with_gil(addresses, &query.count);
    query.addresses = numbers;
    PyObject *result = numbers ? find(&query) : NULL;
    PyMem_RawFree(numbers);
    Py_DECREF(path);
    return result;
}
