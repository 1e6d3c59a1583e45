#include "own_numbers.h"

#include <libproc.h>
#include <unistd.h>

void sp_own_numbers_ask_kernel(sp_own_numbers *numbers) {
    struct proc_taskinfo task;
    if (proc_pidinfo(getpid(), PROC_PIDTASKINFO, 0, &task, sizeof task) != sizeof task) return;
    numbers->threads = (uint64_t)task.pti_threadnum;
    numbers->rss_bytes = task.pti_resident_size;
}
