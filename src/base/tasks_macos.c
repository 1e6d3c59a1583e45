#include "tasks.h"

#include "memory.h"
#include "thread_macos.h"

#include <errno.h>
#include <libproc.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* Not in the public header: the ids of a process's threads, 64 bits each. */
#define PROC_PIDLISTTHREADIDS 28

/* ---- The list ---- */

/* Return how many ids were written; 0 if the kernel refuses. */
static size_t read_ids(uint64_t *ids, size_t capacity) {
    int bytes = proc_pidinfo(getpid(), PROC_PIDLISTTHREADIDS, 0, ids, (int)(capacity * sizeof *ids));
    return bytes > 0 ? (size_t)bytes / sizeof *ids : 0;
}

static void visit_ids(const uint64_t *ids, size_t count, sp_task_visitor *visit, void *data) {
    for (size_t i = 0; i < count; i++) visit((uint32_t)ids[i], data);
}

/* The kernel does not say whether it left any out, so a full list is read again with more room. */
static bool each_of_many(sp_task_visitor *visit, void *data) {
    for (size_t capacity = 1024; capacity <= (size_t)1 << 20; capacity *= 4) {
        uint64_t *ids = sp_memory_map(capacity * sizeof *ids);
        if (!ids) return false;
        size_t count = read_ids(ids, capacity);
        if (count < capacity) visit_ids(ids, count, visit, data);
        sp_memory_unmap(ids, capacity * sizeof *ids);
        if (count < capacity) return count > 0;
    }
    return false;
}

#define FEW 120 /* a kilobyte */

bool sp_tasks_each(sp_task_visitor *visit, void *data) {
    uint64_t ids[FEW];
    int saved_errno = errno;
    size_t count = read_ids(ids, FEW);
    bool whole = count > 0 && count < FEW;
    if (whole)
        visit_ids(ids, count, visit, data);
    else if (count == FEW)
        whole = each_of_many(visit, data);
    errno = saved_errno;
    return whole;
}

uint32_t sp_tasks_count(void) {
    struct proc_taskinfo info;
    int saved_errno = errno;
    bool known = proc_pidinfo(getpid(), PROC_PIDTASKINFO, 0, &info, sizeof info) == (int)sizeof info;
    errno = saved_errno;
    return known ? (uint32_t)info.pti_threadnum : 0;
}

/* ---- One thread ---- */

static void copy_name(char name[SP_TASK_NAME_SIZE], const struct proc_threadinfo *info) {
    size_t length = strnlen(info->pth_name, SP_TASK_NAME_SIZE - 1);
    memcpy(name, info->pth_name, length);
    name[length] = '\0';
}

void sp_task_name(uint32_t thread_id, char name[SP_TASK_NAME_SIZE]) {
    struct proc_threadinfo info;
    int saved_errno = errno;
    name[0] = '\0';
    if (sp_thread_ask_kernel(thread_id, &info)) copy_name(name, &info);
    errno = saved_errno;
}

/* A halted thread is being terminated. */
static char letter_of(int run_state) {
    switch (run_state) {
    case TH_STATE_RUNNING:
        return 'R';
    case TH_STATE_STOPPED:
        return 'T';
    case TH_STATE_UNINTERRUPTIBLE:
        return 'D';
    case TH_STATE_HALTED:
        return 'X';
    default:
        return 'S';
    }
}

void sp_task_look(uint32_t thread_id, sp_task *task) {
    struct proc_threadinfo info;
    int saved_errno = errno;
    *task = (sp_task){.state = '\0'};
    if (sp_thread_ask_kernel(thread_id, &info)) {
        copy_name(task->name, &info);
        task->state = letter_of(info.pth_run_state);
    }
    errno = saved_errno;
}

/* The kernel does not tell. */
bool sp_task_blocks(uint32_t thread_id, int signal_number) {
    (void)thread_id, (void)signal_number;
    return false;
}
