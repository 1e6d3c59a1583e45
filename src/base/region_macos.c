#include "region_macos.h"

#include <unistd.h>

/* In no public header, and unchanged since OS X 10.10: like PROC_PIDREGIONPATHINFO, for entries with files only. */
#define REGION_OF_FILE 22

static bool ask(int question, uintptr_t address, void *answer, int size) {
    return proc_pidinfo(getpid(), question, address, answer, size) == size;
}

bool sp_region_at(uintptr_t address, struct proc_regioninfo *region) {
    return ask(PROC_PIDREGIONINFO, address, region, sizeof *region);
}

bool sp_region_with_path_at(uintptr_t address, struct proc_regionwithpathinfo *region) {
    return ask(PROC_PIDREGIONPATHINFO, address, region, sizeof *region);
}

bool sp_region_of_file_at(uintptr_t address, struct proc_regionwithpathinfo *region) {
    return ask(REGION_OF_FILE, address, region, sizeof *region);
}
