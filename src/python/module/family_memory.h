/* family_memory.h: the memory of a family (family.h) as a file that its processes find.
 *
 *   Linux: a memfd without a name; others open /proc/PID/fd/DESCRIPTOR. Its size is sealed.
 *   macOS: a POSIX shared memory object, whose name follows from the mark. The kernel lets its size be set only once.
 *          It is removed when the process ends that created it, or as soon as it has read the records. If that process
 *          is killed, or becomes a program that is not profiled, the pages that were used remain until the machine
 *          restarts, or until a program of the run starts after its end.
 *
 * Threads: with the GIL. Fork: a child is not the creator.
 */
#ifndef SP_FAMILY_MEMORY_H
#define SP_FAMILY_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How programs find the memory. */
typedef struct sp_family_door {
    pid_t pid;
    int number; /* on Linux, the creator's descriptor. On macOS 0, without a meaning. -1: the memory cannot be found */
    uint64_t mark;
} sp_family_door;

/* Create zeroed memory of that size. Set door->number; `pid` and `mark` are given. Return a descriptor for
 * sp_family_memory_close, or -1 if there is none to be found by others. */
int sp_family_memory_create(sp_family_door *door, size_t bytes);

/* Open memory that has at least that size. Return a descriptor for sp_family_memory_close, or -1 if there is none or it
 * belongs to another user. Opens only memory of ours. */
int sp_family_memory_open(const sp_family_door *door, size_t bytes);

/* Call this once the memory is mapped. The creator's descriptor stays open where it is the door. */
void sp_family_memory_close(int descriptor);

/* This process was the creator before it called exec: it takes over its duties. */
void sp_family_memory_inherit(const sp_family_door *door);

/* Return whether a program that starts now would find the memory. */
bool sp_family_memory_is_there(const sp_family_door *door);

/* The creator is about to call exec. Let the next program take over the memory. */
void sp_family_memory_hand_over(const sp_family_door *door);

/* The records have been read: remove what would outlive the process, if this is the creator. */
void sp_family_memory_read(const sp_family_door *door);

#endif
