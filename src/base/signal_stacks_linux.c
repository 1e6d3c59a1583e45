#include "signal_stacks.h"

#include "memory.h"
#include "tick.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS_MAX 1024
#define PAGE ((uintptr_t)4096)

/* Room for the thread's own work and for glibc's data, in addition to the kernel's frame and the deepest tick. */
#define STACK_SPARE ((size_t)16384)

/* Threads whose stack may be too small. Whether it is may be undecided, since the size of a frame may not have been
 * measured yet. */
static _Atomic uint32_t threads[THREADS_MAX]; /* 0: free */
static _Atomic size_t sizes[THREADS_MAX];
static _Atomic(const sp_signal_stacks_listener *) listener;

void sp_signal_stacks_follow(const sp_signal_stacks_listener *follower) {
    atomic_store(&listener, follower);
}

/* ---- The list of threads ---- */

static uint32_t own_id(void) {
    return (uint32_t)syscall(SYS_gettid);
}

static bool has_ended(uint32_t thread_id) {
    return syscall(SYS_tgkill, getpid(), (pid_t)thread_id, 0) != 0 && errno == ESRCH;
}

/* Return false if the thread was not in the list. */
static bool forget(uint32_t thread_id) {
    bool found = false;
    for (size_t i = 0; i < THREADS_MAX; i++) {
        uint32_t holder = thread_id;
        found |= atomic_compare_exchange_strong(&threads[i], &holder, 0);
    }
    return found;
}

static bool may_be_taken(uint32_t holder, uint32_t thread_id, bool from_the_dead) {
    return holder == 0 || holder == thread_id || (from_the_dead && has_ended(holder));
}

static bool take_place(uint32_t thread_id, size_t size, bool from_the_dead) {
    for (size_t i = 0; i < THREADS_MAX; i++) {
        uint32_t holder = atomic_load(&threads[i]);
        if (!may_be_taken(holder, thread_id, from_the_dead)) continue;
        if (!atomic_compare_exchange_strong(&threads[i], &holder, thread_id)) continue;
        atomic_store(&sizes[i], size);
        return true;
    }
    return false;
}

/* Return false if the thread does not fit. */
static bool remember(uint32_t thread_id, size_t size) {
    forget(thread_id);
    return take_place(thread_id, size, false) || take_place(thread_id, size, true);
}

bool sp_signal_stacks_is_small(uint32_t thread_id) {
    for (size_t i = 0; i < THREADS_MAX; i++)
        if (atomic_load_explicit(&threads[i], memory_order_relaxed) == thread_id)
            return atomic_load_explicit(&sizes[i], memory_order_relaxed) < sp_tick_stack_bytes();
    return false;
}

/* ---- Signals of the calling thread ---- */

typedef uint64_t kernel_set;

static void change_mask(int how, const kernel_set *set, kernel_set *before) {
    syscall(SYS_rt_sigprocmask, how, set, before, sizeof *set);
}

static kernel_set set_of(int number) {
    return number > 0 ? UINT64_C(1) << (number - 1) : 0;
}

/* Discard a tick that was already on its way and found the signal blocked. */
static void take_pending(int number) {
    static const struct timespec no_time = {0, 0};
    kernel_set set = set_of(number);
    while (number > 0 && syscall(SYS_rt_sigtimedwait, &set, NULL, &no_time, sizeof set) == number) continue;
}

/* ---- sigaltstack ---- */

static bool is_too_small(const stack_t *stack) {
    return !(stack->ss_flags & SS_DISABLE) && stack->ss_size < sp_tick_stack_bytes();
}

/* An address that the kernel would reject must not crash the program. */
static bool is_readable(const stack_t *stack) {
    return sp_memory_is_readable((uintptr_t)stack) && sp_memory_is_readable((uintptr_t)(stack + 1) - 1);
}

/* Return true if no tick will arrive from now on. */
static bool leave(void) {
    const sp_signal_stacks_listener *follower = atomic_load(&listener);
    return !follower || follower->leave();
}

static void come_back(void) {
    const sp_signal_stacks_listener *follower = atomic_load(&listener);
    if (forget(own_id()) && follower) follower->come_back();
}

static int set_small(const stack_t *stack, void *old_stack, sp_sigaltstack *call) {
    const kernel_set all = UINT64_MAX;
    kernel_set before;
    int number = sp_tick_signal(), saved_errno = errno;
    bool was_small = sp_signal_stacks_is_small(own_id());
    change_mask(SIG_SETMASK, &all, &before);
    bool is_quiet = remember(own_id(), stack->ss_size) && leave();
    errno = saved_errno;
    int status = call(stack, old_stack);
    saved_errno = errno;
    take_pending(number);
    if (!is_quiet) before |= set_of(number);
    change_mask(SIG_SETMASK, &before, NULL);
    if (status != 0 && !was_small) come_back();
    errno = saved_errno;
    return status;
}

int sp_signal_stacks_set(const void *new_stack, void *old_stack, sp_sigaltstack *call) {
    int saved_errno = errno;
    bool known = new_stack && is_readable(new_stack);
    errno = saved_errno;
    if (!known) return call(new_stack, old_stack);
    if (is_too_small(new_stack)) return set_small(new_stack, old_stack, call);
    int status = call(new_stack, old_stack);
    saved_errno = errno;
    if (status == 0) come_back();
    errno = saved_errno;
    return status;
}

void sp_signal_stacks_look(bool is_new_process) {
    int saved_errno = errno;
    stack_t now;
    if (is_new_process)
        for (size_t i = 0; i < THREADS_MAX; i++) atomic_store(&threads[i], 0);
    if (syscall(SYS_sigaltstack, NULL, &now) == 0) {
        if (is_too_small(&now))
            remember(own_id(), now.ss_size);
        else
            forget(own_id());
    }
    errno = saved_errno;
}

/* ---- A thread's own stack ---- */

/* glibc keeps the list of a thread's robust mutexes in the thread's descriptor, which is at the upper end of its
 * stack. The kernel reports the list's address. */
static uintptr_t upper_end(uint32_t thread_id) {
    void *head = NULL;
    size_t size;
    return syscall(SYS_get_robust_list, (long)thread_id, &head, &size) == 0 ? (uintptr_t)head : 0;
}

bool sp_signal_stacks_is_thread_small(uint32_t thread_id) {
    int saved_errno = errno;
    uintptr_t end = thread_id == (uint32_t)getpid() ? 0 : upper_end(thread_id);
    bool small = false;
    size_t wanted = sp_tick_stack_bytes() + STACK_SPARE;
    for (uintptr_t at = end & ~(PAGE - 1); end != 0 && !small && at + wanted > end; at -= PAGE)
        small = !sp_memory_is_readable(at);
    errno = saved_errno;
    return small;
}
