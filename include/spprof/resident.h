/* resident.h: how much of what the program has asked for is in memory, and which files that is of.
 *
 *   [ touched | zeros that were only read | swapped | never touched ]
 *     resident   in nobody's RSS            swapped   nothing
 *
 * Memory:  mapped while it measures, and given back; some 64 KiB, and 100 bytes for each extent.
 * Threads: any. The program runs on meanwhile, and what it unmaps is not there any more.
 * Signals: not called in a handler.
 * Fork:    a child asks for itself.
 * Full:    what cannot be told is SPPROF_NOT_KNOWN: without /proc, or without the right to read it.
 */
#ifndef SPPROF_RESIDENT_H
#define SPPROF_RESIDENT_H

#include "spprof/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPPROF_NOT_KNOWN UINT64_MAX

/* Blocks of fewer bytes are taken as resident: what is asked for in such pieces is nearly always written to, and the
 * allocators of Python and libc serve it from memory that other blocks have touched before. */
#define SPPROF_LARGE_BLOCK ((uint64_t)128 << 10)

/* Some bytes that lie together: a block, a mapping. */
typedef struct spprof_extent {
    uint64_t start, size;
    uint64_t resident, swapped; /* written: bytes of it, or both SPPROF_NOT_KNOWN */
} spprof_extent;

/* Measures extents, ascending by their start. False: nothing is known of any. */
SPPROF_API bool spprof_measure_resident(spprof_extent *extents, size_t count);

/* Writes for each of `count` pages from `start` on, a page's first byte, whether it is in memory: 1 or 0. Pages that
 * are not mapped are not in memory. */
SPPROF_API void spprof_find_present(uint64_t start, size_t count, unsigned char *is_present);

/* A mapping of a file, or of shared memory that has a name, as the kernel lists it. */
typedef struct spprof_file_map {
    uint64_t start, end;
    const char *path; /* as the kernel writes it; until the visitor returns */
    bool is_shared, is_writable;
    bool is_code; /* of a file that is mapped to be executed, too: a library, the program */
} spprof_file_map;

/* By ascending address. False: the list cannot be read to its end. */
typedef void spprof_file_visitor(const spprof_file_map *map, void *data);
SPPROF_API bool spprof_each_file(spprof_file_visitor *visit, void *data);

/* The kernel's list of mappings (maps; measured: smaps) as text, a page at a time. False: it cannot be read to its
 * end. */
typedef bool spprof_text_visitor(const char *text, size_t size, void *data);
SPPROF_API bool spprof_read_list(bool measured, spprof_text_visitor *visit, void *data);

/* Copies memory that may be unmapped at any moment, without touching it. False: not all of it can be read. */
SPPROF_API bool spprof_copy_memory(void *to, uint64_t from, size_t bytes);

/* Before each system call of a measuring that holds the kernel's lock of all mappings: now and then it sleeps for a
 * moment, so that no time slice ends inside one of them, with all who map memory waiting. */
SPPROF_API void spprof_rest(void);

#define SPPROF_THREAD_NAME_SIZE 16

/* The name that the thread has for the kernel, terminated; "" if it has ended, or cannot be asked. */
SPPROF_API void spprof_thread_name(uint32_t thread_id, char name[SPPROF_THREAD_NAME_SIZE]);

#endif
