/* apple.h: Apple's constants and layouts as numbers, for code that is compiled for Linux.
 *
 * layouts.c, compiled for macOS, compares each of them with Apple's own headers.
 */
#ifndef APPLE_H
#define APPLE_H

#include <stdint.h>

/* ---- Errors ---- */

enum {
    APPLE_EINTR = 4,
    APPLE_EDEADLK = 11,
    APPLE_EFAULT = 14,
    APPLE_EINVAL = 22,
    APPLE_EAGAIN = 35,
    APPLE_ENOTSUP = 45,
    APPLE_ETIMEDOUT = 60,
    APPLE_ENAMETOOLONG = 63,
    APPLE_ENOSYS = 78,
    APPLE_EOVERFLOW = 84
};
enum {
    APPLE_KERN_SUCCESS = 0,
    APPLE_KERN_INVALID_ADDRESS = 1,
    APPLE_KERN_INVALID_ARGUMENT = 4,
    APPLE_KERN_ABORTED = 14
};

/* ---- Memory ---- */

enum { APPLE_MAP_SHARED = 1, APPLE_MAP_PRIVATE = 2, APPLE_MAP_FIXED = 0x10, APPLE_MAP_NORESERVE = 0x40 };
enum { APPLE_MADV_CAN_REUSE = 9 };
enum { APPLE_MAP_JIT = 0x800, APPLE_MAP_ANON = 0x1000 };
enum { APPLE_MADV_DONTNEED = 4, APPLE_MADV_FREE = 5 };

enum { APPLE_REGION_BASIC = 9, APPLE_REGION_EXTENDED = 13, APPLE_SHARE_PRIVATE = 2, APPLE_SHARE_TRUESHARED = 5 };

#pragma pack(push, 4)
typedef struct apple_region_basic {
    int32_t protection, max_protection;
    uint32_t inheritance, shared, reserved;
    uint64_t offset;
    int32_t behavior;
    uint16_t user_wired_count;
} apple_region_basic;

typedef struct apple_region_submap {
    int32_t protection, max_protection;
    uint32_t inheritance;
    uint64_t offset;
    uint32_t user_tag, pages_resident, pages_shared_now_private, pages_swapped_out, pages_dirtied, ref_count;
    uint16_t shadow_depth;
    uint8_t external_pager, share_mode;
    int32_t is_submap, behavior;
    uint32_t object_id;
    uint16_t user_wired_count, flags;
    uint32_t pages_reusable;
    uint64_t object_id_full;
} apple_region_submap; /* its first two versions: Linux has nothing to say in the third */

typedef struct apple_region_extended {
    int32_t protection;
    uint32_t user_tag, pages_resident, pages_shared_now_private, pages_swapped_out, pages_dirtied, ref_count;
    uint16_t shadow_depth;
    uint8_t external_pager, share_mode;
    uint32_t pages_reusable;
} apple_region_extended;
#pragma pack(pop)

typedef struct apple_process_region {
    uint32_t protection, max_protection, inheritance, flags;
    uint64_t offset;
    uint32_t behavior, user_wired_count, user_tag, pages_resident, pages_shared_now_private, pages_swapped_out;
    uint32_t pages_dirtied, ref_count, shadow_depth, share_mode, private_pages_resident, shared_pages_resident;
    uint32_t object_id, depth;
    uint64_t address, size;
} apple_process_region;

/* ---- Threads ---- */

enum { APPLE_THREAD_BASIC = 3, APPLE_THREAD_IDENTIFIER = 4, APPLE_THREAD_EXTENDED = 5 };
enum { APPLE_RUNNING = 1, APPLE_STOPPED = 2, APPLE_WAITING = 3, APPLE_UNINTERRUPTIBLE = 4, APPLE_HALTED = 5 };

typedef struct apple_time {
    int32_t seconds, microseconds;
} apple_time;

typedef struct apple_thread_basic {
    apple_time user, system;
    int32_t cpu_usage, policy, run_state, flags, suspend_count, sleep_time;
} apple_thread_basic;

typedef struct apple_thread_identifier {
    uint64_t thread_id, thread_handle, dispatch_queue;
} apple_thread_identifier;

/* Also struct thread_extended_info. */
typedef struct apple_process_thread {
    uint64_t user_time, system_time;
    int32_t cpu_usage, policy, run_state, flags, sleep_time, current_priority, priority, max_priority;
    char name[64];
} apple_process_thread;

typedef struct apple_process_task {
    uint64_t virtual_size, resident_size, total_user, total_system, threads_user, threads_system;
    int32_t policy, faults, pageins, cow_faults, messages_sent, messages_received, syscalls_mach, syscalls_unix, csw;
    int32_t thread_count, running_count, priority;
} apple_process_task;

enum { APPLE_PIDTASKINFO = 4, APPLE_PIDTHREADINFO = 5, APPLE_PIDLISTTHREADS = 6, APPLE_PIDREGIONINFO = 7 };
enum { APPLE_PIDREGIONPATHINFO = 8, APPLE_PIDTHREADID64INFO = 15, APPLE_PIDLISTTHREADIDS = 28 };
enum { APPLE_PIDREGIONPATHINFO2 = 22 }; /* in no public header */
enum { APPLE_INODE_AT = 8 };            /* in struct vnode_info_path */
typedef enum apple_region_question { REGION, REGION_WITH_PATH, REGION_OF_FILE } apple_region_question;

enum { APPLE_CREATE_JOINABLE = 1, APPLE_CREATE_DETACHED = 2 };
enum { APPLE_MUTEX_BYTES = 64, APPLE_ATTR_BYTES = 64, APPLE_COND_BYTES = 48, APPLE_ONCE_BYTES = 16 };

/* ---- Clocks ---- */

enum {
    APPLE_CLOCK_REALTIME = 0,
    APPLE_CLOCK_MONOTONIC_RAW = 4,
    APPLE_CLOCK_MONOTONIC_RAW_APPROX = 5,
    APPLE_CLOCK_MONOTONIC = 6,
    APPLE_CLOCK_UPTIME_RAW = 8,
    APPLE_CLOCK_UPTIME_RAW_APPROX = 9,
    APPLE_CLOCK_PROCESS_CPUTIME = 12,
    APPLE_CLOCK_THREAD_CPUTIME = 16
};

/* ---- Signals ---- */

enum {
    APPLE_SIGILL = 4,
    APPLE_SIGTRAP = 5,
    APPLE_SIGABRT = 6,
    APPLE_SIGEMT = 7,
    APPLE_SIGFPE = 8,
    APPLE_SIGBUS = 10,
    APPLE_SIGSEGV = 11,
    APPLE_SIGSYS = 12,
    APPLE_SIGURG = 16,
    APPLE_SIGSTOP = 17,
    APPLE_SIGTSTP = 18,
    APPLE_SIGCONT = 19,
    APPLE_SIGCHLD = 20,
    APPLE_SIGTTIN = 21,
    APPLE_SIGTTOU = 22,
    APPLE_SIGIO = 23,
    APPLE_SIGPROF = 27,
    APPLE_SIGWINCH = 28,
    APPLE_SIGINFO = 29,
    APPLE_SIGUSR1 = 30,
    APPLE_SIGUSR2 = 31
};
enum { APPLE_SIG_BLOCK = 1, APPLE_SIG_UNBLOCK = 2, APPLE_SIG_SETMASK = 3 };
enum { APPLE_SA_ONSTACK = 1, APPLE_SA_RESTART = 2, APPLE_SA_RESETHAND = 4, APPLE_SA_NOCLDSTOP = 8 };
enum { APPLE_SA_NODEFER = 0x10, APPLE_SA_NOCLDWAIT = 0x20, APPLE_SA_SIGINFO = 0x40 };
enum { APPLE_SS_ONSTACK = 1, APPLE_SS_DISABLE = 4 };

typedef struct apple_sigaction {
    uint64_t handler;
    uint32_t mask;
    int32_t flags;
} apple_sigaction;

typedef struct apple_stack {
    void *address;
    uint64_t size;
    int32_t flags;
} apple_stack;

typedef struct apple_siginfo {
    int32_t number, error, code, pid;
    uint32_t uid;
    int32_t status;
    void *address;
    uint64_t value;
    int64_t band;
    uint64_t pad[7];
} apple_siginfo;

typedef struct apple_registers {
    uint64_t rax, rbx, rcx, rdx, rdi, rsi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags, cs, fs, gs;
} apple_registers;

/* The state after `reserved` is what fxsave writes, as in Linux's frame. */
typedef struct apple_mcontext {
    uint16_t trap, cpu;
    uint32_t error;
    uint64_t fault_address;
    apple_registers registers;
    int32_t reserved[2];
    uint8_t fxsave[512];
    int32_t reserved_1;
} apple_mcontext;

typedef struct apple_ucontext {
    int32_t on_stack;
    uint32_t mask;
    apple_stack stack;
    struct apple_ucontext *link;
    uint64_t mcontext_bytes;
    apple_mcontext *mcontext;
} apple_ucontext;

/* ---- Files ---- */

enum { APPLE_O_NONBLOCK = 4, APPLE_O_APPEND = 8, APPLE_O_NOFOLLOW = 0x100, APPLE_O_CREAT = 0x200 };
enum { APPLE_O_TRUNC = 0x400, APPLE_O_EXCL = 0x800, APPLE_O_NOCTTY = 0x20000, APPLE_O_DIRECTORY = 0x100000 };
enum { APPLE_O_CLOEXEC = 0x1000000 };
enum { APPLE_F_DUPFD = 0, APPLE_F_GETFD, APPLE_F_SETFD, APPLE_F_GETFL, APPLE_F_SETFL, APPLE_F_GETPATH = 50 };
enum { APPLE_F_DUPFD_CLOEXEC = 67 };
enum { APPLE_SC_PAGESIZE = 29, APPLE_SC_NPROCESSORS_CONF = 57, APPLE_SC_NPROCESSORS_ONLN = 58 };

typedef struct apple_timespec {
    int64_t seconds, nanoseconds;
} apple_timespec;

typedef struct apple_stat {
    int32_t device;
    uint16_t mode, links;
    uint64_t inode;
    uint32_t user, group;
    int32_t special_device;
    apple_timespec accessed, modified, changed, born;
    int64_t size, blocks;
    int32_t block_size;
    uint32_t flags, generation;
    int32_t spare;
    int64_t more_spare[2];
} apple_stat;

/* ---- The loader ---- */

enum { APPLE_RTLD_LAZY = 1, APPLE_RTLD_NOW = 2, APPLE_RTLD_LOCAL = 4, APPLE_RTLD_GLOBAL = 8, APPLE_RTLD_NOLOAD = 16 };

typedef struct apple_dl_info {
    const char *file;
    void *base;
    const char *symbol;
    void *symbol_address;
} apple_dl_info;

/* ---- malloc ---- */

enum { APPLE_LOG_ALLOCATE = 2, APPLE_LOG_FREE = 4, APPLE_LOG_ZONE = 8, APPLE_LOG_CLEARED = 64 };

#endif
