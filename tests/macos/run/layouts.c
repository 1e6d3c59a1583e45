/* layouts.c: compiled for macOS, and never run: apple.h says what Apple's headers say. */
#include "apple.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libproc.h>
#include <mach/mach.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/proc_info.h>
#include <sys/stat.h>
#include <sys/ucontext.h>
#include <time.h>
#include <unistd.h>

#define SAME(ours, apples) _Static_assert((long long)(ours) == (long long)(apples), #ours)
#define SIZE(ours, apples) SAME(sizeof(ours), sizeof(apples))
#define FIELD(ours, field, apples, its)                                                                                \
    SAME(offsetof(ours, field), offsetof(apples, its));                                                                \
    SAME(sizeof(((ours *)0)->field), sizeof(((apples *)0)->its))

SAME(APPLE_EINTR, EINTR);
SAME(APPLE_EDEADLK, EDEADLK);
SAME(APPLE_EFAULT, EFAULT);
SAME(APPLE_EINVAL, EINVAL);
SAME(APPLE_EAGAIN, EAGAIN);
SAME(APPLE_ENOTSUP, ENOTSUP);
SAME(APPLE_ETIMEDOUT, ETIMEDOUT);
SAME(APPLE_ENAMETOOLONG, ENAMETOOLONG);
SAME(APPLE_ENOSYS, ENOSYS);
SAME(APPLE_EOVERFLOW, EOVERFLOW);
SAME(APPLE_KERN_INVALID_ADDRESS, KERN_INVALID_ADDRESS);
SAME(APPLE_KERN_INVALID_ARGUMENT, KERN_INVALID_ARGUMENT);

SAME(APPLE_KERN_ABORTED, KERN_ABORTED);

SAME(APPLE_MAP_SHARED, MAP_SHARED);
SAME(APPLE_MAP_PRIVATE, MAP_PRIVATE);
SAME(APPLE_MAP_FIXED, MAP_FIXED);
SAME(APPLE_MAP_NORESERVE, MAP_NORESERVE);
SAME(APPLE_MAP_JIT, MAP_JIT);
SAME(APPLE_MAP_ANON, MAP_ANON);
SAME(APPLE_MADV_CAN_REUSE, MADV_CAN_REUSE);
SAME(APPLE_MADV_DONTNEED, MADV_DONTNEED);
SAME(APPLE_MADV_FREE, MADV_FREE);

SAME(APPLE_REGION_BASIC, VM_REGION_BASIC_INFO_64);
SAME(APPLE_REGION_EXTENDED, VM_REGION_EXTENDED_INFO);
SAME(APPLE_SHARE_PRIVATE, SM_PRIVATE);
SAME(APPLE_SHARE_TRUESHARED, SM_TRUESHARED);
SIZE(apple_region_basic, struct vm_region_basic_info_64);
FIELD(apple_region_basic, offset, struct vm_region_basic_info_64, offset);
FIELD(apple_region_basic, shared, struct vm_region_basic_info_64, shared);
FIELD(apple_region_submap, share_mode, struct vm_region_submap_info_64, share_mode);
FIELD(apple_region_submap, pages_swapped_out, struct vm_region_submap_info_64, pages_swapped_out);
FIELD(apple_region_submap, is_submap, struct vm_region_submap_info_64, is_submap);
FIELD(apple_region_submap, pages_reusable, struct vm_region_submap_info_64, pages_reusable);
FIELD(apple_region_submap, object_id_full, struct vm_region_submap_info_64, object_id_full);
SIZE(apple_region_extended, struct vm_region_extended_info);
FIELD(apple_region_extended, share_mode, struct vm_region_extended_info, share_mode);
SIZE(apple_process_region, struct proc_regioninfo);
FIELD(apple_process_region, share_mode, struct proc_regioninfo, pri_share_mode);
FIELD(apple_process_region, address, struct proc_regioninfo, pri_address);

SAME(APPLE_THREAD_BASIC, THREAD_BASIC_INFO);
SAME(APPLE_THREAD_IDENTIFIER, THREAD_IDENTIFIER_INFO);
SAME(APPLE_THREAD_EXTENDED, THREAD_EXTENDED_INFO);
SAME(APPLE_RUNNING, TH_STATE_RUNNING);
SAME(APPLE_STOPPED, TH_STATE_STOPPED);
SAME(APPLE_WAITING, TH_STATE_WAITING);
SAME(APPLE_UNINTERRUPTIBLE, TH_STATE_UNINTERRUPTIBLE);
SAME(APPLE_HALTED, TH_STATE_HALTED);
SIZE(apple_thread_basic, struct thread_basic_info);
FIELD(apple_thread_basic, run_state, struct thread_basic_info, run_state);
SIZE(apple_thread_identifier, struct thread_identifier_info);
FIELD(apple_thread_identifier, thread_handle, struct thread_identifier_info, thread_handle);
SIZE(apple_process_thread, struct proc_threadinfo);
SIZE(apple_process_thread, struct thread_extended_info);
FIELD(apple_process_thread, run_state, struct proc_threadinfo, pth_run_state);
FIELD(apple_process_thread, name, struct proc_threadinfo, pth_name);
SIZE(apple_process_task, struct proc_taskinfo);
FIELD(apple_process_task, total_user, struct proc_taskinfo, pti_total_user);
FIELD(apple_process_task, thread_count, struct proc_taskinfo, pti_threadnum);
SAME(APPLE_PIDTASKINFO, PROC_PIDTASKINFO);
SAME(APPLE_PIDTHREADINFO, PROC_PIDTHREADINFO);
SAME(APPLE_PIDLISTTHREADS, PROC_PIDLISTTHREADS);
SAME(APPLE_PIDREGIONINFO, PROC_PIDREGIONINFO);
SAME(APPLE_PIDREGIONPATHINFO, PROC_PIDREGIONPATHINFO);
SAME(APPLE_INODE_AT, offsetof(struct vnode_info_path, vip_vi.vi_stat.vst_ino));
SAME(APPLE_PIDTHREADID64INFO, PROC_PIDTHREADID64INFO);
SAME(APPLE_CREATE_JOINABLE, PTHREAD_CREATE_JOINABLE);
SAME(APPLE_CREATE_DETACHED, PTHREAD_CREATE_DETACHED);
SAME(APPLE_MUTEX_BYTES, sizeof(pthread_mutex_t));
SAME(APPLE_ATTR_BYTES, sizeof(pthread_attr_t));
SAME(APPLE_COND_BYTES, sizeof(pthread_cond_t));
SAME(APPLE_ONCE_BYTES, sizeof(pthread_once_t));
SAME(8, sizeof(pthread_key_t));

SAME(APPLE_CLOCK_REALTIME, CLOCK_REALTIME);
SAME(APPLE_CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_RAW);
SAME(APPLE_CLOCK_MONOTONIC_RAW_APPROX, CLOCK_MONOTONIC_RAW_APPROX);
SAME(APPLE_CLOCK_MONOTONIC, CLOCK_MONOTONIC);
SAME(APPLE_CLOCK_UPTIME_RAW, CLOCK_UPTIME_RAW);
SAME(APPLE_CLOCK_UPTIME_RAW_APPROX, CLOCK_UPTIME_RAW_APPROX);
SAME(APPLE_CLOCK_PROCESS_CPUTIME, CLOCK_PROCESS_CPUTIME_ID);
SAME(APPLE_CLOCK_THREAD_CPUTIME, CLOCK_THREAD_CPUTIME_ID);

SAME(APPLE_SIGILL, SIGILL);
SAME(APPLE_SIGTRAP, SIGTRAP);
SAME(APPLE_SIGABRT, SIGABRT);
SAME(APPLE_SIGEMT, SIGEMT);
SAME(APPLE_SIGFPE, SIGFPE);
SAME(APPLE_SIGBUS, SIGBUS);
SAME(APPLE_SIGSEGV, SIGSEGV);
SAME(APPLE_SIGSYS, SIGSYS);
SAME(APPLE_SIGURG, SIGURG);
SAME(APPLE_SIGSTOP, SIGSTOP);
SAME(APPLE_SIGTSTP, SIGTSTP);
SAME(APPLE_SIGCONT, SIGCONT);
SAME(APPLE_SIGCHLD, SIGCHLD);
SAME(APPLE_SIGTTIN, SIGTTIN);
SAME(APPLE_SIGTTOU, SIGTTOU);
SAME(APPLE_SIGIO, SIGIO);
SAME(APPLE_SIGPROF, SIGPROF);
SAME(APPLE_SIGWINCH, SIGWINCH);
SAME(APPLE_SIGINFO, SIGINFO);
SAME(APPLE_SIGUSR1, SIGUSR1);
SAME(APPLE_SIGUSR2, SIGUSR2);
SAME(APPLE_SIG_BLOCK, SIG_BLOCK);
SAME(APPLE_SIG_UNBLOCK, SIG_UNBLOCK);
SAME(APPLE_SIG_SETMASK, SIG_SETMASK);
SAME(APPLE_SA_ONSTACK, SA_ONSTACK);
SAME(APPLE_SA_RESTART, SA_RESTART);
SAME(APPLE_SA_RESETHAND, SA_RESETHAND);
SAME(APPLE_SA_NOCLDSTOP, SA_NOCLDSTOP);
SAME(APPLE_SA_NODEFER, SA_NODEFER);
SAME(APPLE_SA_NOCLDWAIT, SA_NOCLDWAIT);
SAME(APPLE_SA_SIGINFO, SA_SIGINFO);
SAME(APPLE_SS_ONSTACK, SS_ONSTACK);
SAME(APPLE_SS_DISABLE, SS_DISABLE);
SIZE(apple_sigaction, struct sigaction);
FIELD(apple_sigaction, mask, struct sigaction, sa_mask);
FIELD(apple_sigaction, flags, struct sigaction, sa_flags);
SIZE(apple_stack, stack_t);
FIELD(apple_stack, size, stack_t, ss_size);
FIELD(apple_stack, flags, stack_t, ss_flags);
SIZE(apple_siginfo, siginfo_t);
FIELD(apple_siginfo, pid, siginfo_t, si_pid);
FIELD(apple_siginfo, address, siginfo_t, si_addr);
FIELD(apple_siginfo, value, siginfo_t, si_value);
SIZE(apple_mcontext, struct __darwin_mcontext64);
FIELD(apple_mcontext, registers, struct __darwin_mcontext64, __ss);
FIELD(apple_mcontext, registers.rsp, struct __darwin_mcontext64, __ss.__rsp);
FIELD(apple_mcontext, registers.rip, struct __darwin_mcontext64, __ss.__rip);
SAME(offsetof(apple_mcontext, fxsave), offsetof(struct __darwin_mcontext64, __fs.__fpu_fcw));
SAME(offsetof(apple_mcontext, fxsave) + 160, offsetof(struct __darwin_mcontext64, __fs.__fpu_xmm0));
SIZE(apple_ucontext, ucontext_t);
FIELD(apple_ucontext, mask, ucontext_t, uc_sigmask);
FIELD(apple_ucontext, stack, ucontext_t, uc_stack);
FIELD(apple_ucontext, mcontext, ucontext_t, uc_mcontext);

SAME(APPLE_O_NONBLOCK, O_NONBLOCK);
SAME(APPLE_O_APPEND, O_APPEND);
SAME(APPLE_O_NOFOLLOW, O_NOFOLLOW);
SAME(APPLE_O_CREAT, O_CREAT);
SAME(APPLE_O_TRUNC, O_TRUNC);
SAME(APPLE_O_EXCL, O_EXCL);
SAME(APPLE_O_NOCTTY, O_NOCTTY);
SAME(APPLE_O_DIRECTORY, O_DIRECTORY);
SAME(APPLE_O_CLOEXEC, O_CLOEXEC);
SAME(APPLE_F_SETFL, F_SETFL);
SAME(APPLE_F_GETPATH, F_GETPATH);
SAME(APPLE_F_DUPFD_CLOEXEC, F_DUPFD_CLOEXEC);
SAME(APPLE_SC_PAGESIZE, _SC_PAGESIZE);
SAME(APPLE_SC_NPROCESSORS_CONF, _SC_NPROCESSORS_CONF);
SAME(APPLE_SC_NPROCESSORS_ONLN, _SC_NPROCESSORS_ONLN);
SIZE(apple_stat, struct stat);
FIELD(apple_stat, inode, struct stat, st_ino);
FIELD(apple_stat, modified, struct stat, st_mtimespec);
FIELD(apple_stat, size, struct stat, st_size);
FIELD(apple_stat, block_size, struct stat, st_blksize);

SAME(APPLE_RTLD_LAZY, RTLD_LAZY);
SAME(APPLE_RTLD_NOW, RTLD_NOW);
SAME(APPLE_RTLD_LOCAL, RTLD_LOCAL);
SAME(APPLE_RTLD_GLOBAL, RTLD_GLOBAL);
SAME(APPLE_RTLD_NOLOAD, RTLD_NOLOAD);
SIZE(apple_dl_info, Dl_info);
FIELD(apple_dl_info, base, Dl_info, dli_fbase);
