/* region_macos.h: the kernel's entries for this process's memory, one system call each.
 *
 * Not vm_region: the functions of <mach/vm_map.h> receive the kernel's answer at a port that each thread keeps for all
 * its messages. A handler that has interrupted a thread while it waits for a server's answer there would take it away.
 *
 * Memory:  none. Threads, signals: any.
 * errno:   set if the result is false: EINVAL if there is no such entry, otherwise the kernel refuses to answer.
 */
#ifndef SP_REGION_MACOS_H
#define SP_REGION_MACOS_H

#include <libproc.h>
#include <mach/vm_statistics.h>
#include <stdbool.h>
#include <stdint.h>

/* vmmap shows the engine's memory as "Memory Tag 247". */
#define SP_REGION_TAG VM_MAKE_TAG(VM_MEMORY_APPLICATION_SPECIFIC_8)

/* Describe the entry that contains `address`, or else the first one above it. The system's shared libraries are one
 * entry (PROC_REGION_SUBMAP). The kernel visits each of the entry's pages, of which anonymous ones have 128 MiB at
 * most. */
bool sp_region_at(uintptr_t address, struct proc_regioninfo *region);

/* Likewise, with the mapped file. */
bool sp_region_with_path_at(uintptr_t address, struct proc_regionwithpathinfo *region);

/* Describe the first entry with a file that ends above `address`. The kernel does not visit the pages, so their
 * numbers are 0. */
bool sp_region_of_file_at(uintptr_t address, struct proc_regionwithpathinfo *region);

#endif
