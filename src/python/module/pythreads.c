#include "pytstate.h"

#include "pythreads.h"

#include <internal/pycore_interp.h>
#include <stdbool.h>

/* The caller may hold another GIL, but the number is a single word. */
uint64_t sp_pythreads_made(void) {
    PyInterpreterState *interpreter = PyInterpreterState_Main();
#if PY_VERSION_HEX >= 0x030B0000
    return __atomic_load_n(&interpreter->threads.next_unique_id, __ATOMIC_RELAXED);
#else
    return __atomic_load_n(&interpreter->tstate_next_unique_id, __ATOMIC_RELAXED);
#endif
}

typedef struct chunks {
    uint64_t *words; /* address and size of each, from PyMem_RawMalloc */
    size_t count, room;
} chunks;

#if PY_VERSION_HEX >= 0x030B0000
static bool add_chunk(chunks *chunks, const _PyStackChunk *chunk) {
    if (chunks->count == chunks->room) {
        size_t room = 2 * chunks->room + 64;
        uint64_t *larger = PyMem_RawRealloc(chunks->words, 2 * room * sizeof *larger);
        if (!larger) return false;
        chunks->words = larger;
        chunks->room = room;
    }
    chunks->words[2 * chunks->count] = (uintptr_t)chunk;
    chunks->words[2 * chunks->count++ + 1] = chunk->size;
    return true;
}

/* Adding or removing a chunk, or removing a thread from the list, needs the GIL. No objects are created here,
 * because the garbage collector might then run and release the GIL. A thread created in the meantime is put in front
 * of the others. */
static bool add_all(chunks *chunks) {
    PyThreadState *thread = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    for (; thread; thread = PyThreadState_Next(thread))
        for (_PyStackChunk *chunk = thread->datastack_chunk; chunk; chunk = chunk->previous)
            if (!add_chunk(chunks, chunk)) return false;
    return true;
}
#else
static bool add_all(chunks *chunks) {
    (void)chunks;
    return true;
}
#endif

PyObject *sp_pythreads_frame_chunks_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    chunks chunks = {.words = NULL};
    Py_ssize_t size = add_all(&chunks) ? (Py_ssize_t)(2 * sizeof(uint64_t) * chunks.count) : -1;
    PyObject *packed = size < 0 ? PyErr_NoMemory() : PyBytes_FromStringAndSize((char *)chunks.words, size);
    PyMem_RawFree(chunks.words);
    return packed;
}
