#include "signal_stacks.h"

#include "thread.h"
#include "tick.h"

#include <pthread.h>

/* The kernel accepts no alternate stack below 8 KiB, on which a tick ends without harm. So no hook is needed, and there
 * is nothing to remember. */

void sp_signal_stacks_follow(const sp_signal_stacks_listener *listener) {
    (void)listener;
}

int sp_signal_stacks_set(const void *new_stack, void *old_stack, sp_sigaltstack *call) {
    return call(new_stack, old_stack);
}

void sp_signal_stacks_look(bool is_new_process) {
    (void)is_new_process;
}

bool sp_signal_stacks_is_small(uint32_t thread_id) {
    (void)thread_id;
    return false;
}

/* Room for the thread's own work, in addition to the kernel's frame and the deepest tick. */
#define STACK_SPARE ((size_t)16384)

/* libpthread's structure of another thread may be freed at any time, so only the calling thread is looked at. A handler
 * does that at the thread's first tick. */
bool sp_signal_stacks_is_thread_small(uint32_t thread_id) {
    if (pthread_main_np() || thread_id != sp_thread_kernel_id()) return false;
    return pthread_get_stacksize_np(pthread_self()) < sp_tick_stack_bytes() + STACK_SPARE;
}
