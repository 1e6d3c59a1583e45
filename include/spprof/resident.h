/* resident.h: how much of the program's memory is resident, and which files it maps.
 *
 *   [ touched | zeros that were only read | swapped | never touched ]
 *     resident   not in any RSS             swapped   nothing
 *
 * Memory:  mapped during a measurement and then unmapped: about 64 KiB, and 100 bytes per extent.
 * Threads: any. The program keeps running, and memory that it unmaps in the meantime counts as absent.
 * Signals: must not be called in a handler.
 * Fork:    a child measures itself.
 * Full:    what cannot be measured is SPPROF_NOT_KNOWN: without /proc, or without permission to read it.
 * macOS:   zeros that were only read are resident, and so are a file's pages that are in memory for any process;
 *          compressed pages are swapped. Nothing is known of extents beyond the first 2²⁴ pages.
 */
#ifndef SPPROF_RESIDENT_H
#define SPPROF_RESIDENT_H

#include "spprof/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPPROF_NOT_KNOWN UINT64_MAX

/* Blocks smaller than this count as resident. Such blocks are nearly always written to, and the allocators of Python
 * and libc serve them from memory that other blocks have touched before. */
#define SPPROF_LARGE_BLOCK ((uint64_t)128 << 10)

/* Consecutive bytes, such as a block or a mapping. */
typedef struct spprof_extent {
    uint64_t start, size;
    uint64_t resident, swapped; /* output: how many of its bytes, or both SPPROF_NOT_KNOWN */
} spprof_extent;

/* Measure extents, which must be in ascending order of their start. Return false if nothing is known about any of
 * them. */
SPPROF_API bool spprof_measure_resident(spprof_extent *extents, size_t count);

/* For each of `count` pages, beginning with the one at `start`, write 1 if it is resident, else 0. Unmapped pages
 * are not resident. */
SPPROF_API void spprof_find_present(uint64_t start, size_t count, unsigned char *is_present);

/* A mapping of a file, or of named shared memory, as the kernel lists it. */
typedef struct spprof_file_map {
    uint64_t start, end;
    const char *path; /* as the kernel writes it; valid until the visitor returns */
    bool is_shared, is_writable;
    bool is_code; /* of a file that is also mapped as executable: a library or the program */
} spprof_file_map;

/* Visit the mapped files in ascending order of address. Return false if the list cannot be read completely. On macOS,
 * shared memory is no file, and the system's libraries are not listed. */
typedef void spprof_file_visitor(const spprof_file_map *map, void *data);
SPPROF_API bool spprof_each_file(spprof_file_visitor *visit, void *data);

/* Visit the kernel's list of mappings (maps; smaps if `measured`) as text, a page at a time. Return false if it
 * cannot be read completely. macOS has no such text. */
typedef bool spprof_text_visitor(const char *text, size_t size, void *data);
SPPROF_API bool spprof_read_list(bool measured, spprof_text_visitor *visit, void *data);

/* Copy memory that may be unmapped at any time, without touching it. Return false if not all of it can be read. */
SPPROF_API bool spprof_copy_memory(void *to, uint64_t from, size_t bytes);

/* Call this before each system call of a measurement that holds the kernel's lock on all mappings. Now and then it
 * sleeps briefly, so that no time slice ends inside such a call while every thread that maps memory waits. */
SPPROF_API void spprof_rest(void);

#define SPPROF_THREAD_NAME_SIZE 16

/* Write the kernel's name of the thread, terminated; "" if the thread has ended or its name cannot be read. */
SPPROF_API void spprof_thread_name(uint32_t thread_id, char name[SPPROF_THREAD_NAME_SIZE]);

/* Visit all threads of the process. Those that start or end in the meantime may or may not be visited. Return false if
 * the kernel's list cannot be read completely. */
typedef void spprof_thread_visitor(uint32_t thread_id, void *data);
SPPROF_API bool spprof_each_thread(spprof_thread_visitor *visit, void *data);

#endif
