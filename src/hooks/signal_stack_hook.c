/* signal_stack_hook.c: the hook for the program's calls of sigaltstack. A signal stack that is too small for a tick's
 * handler would crash the program.
 */
#include "hooks.h"
#include "originals.h"
#include "signal_stacks.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static sp_sigaltstack *original; /* found before there is a second thread, and before the patch hides it */

static int call_original(const void *new_stack, void *old_stack) {
    return original ? original(new_stack, old_stack) : (int)syscall(SYS_sigaltstack, new_stack, old_stack);
}

__attribute__((visibility("default"))) int sigaltstack(const stack_t *new_stack, stack_t *old_stack) {
    return sp_signal_stacks_set(new_stack, old_stack, call_original);
}

uintptr_t sp_hook_original_sigaltstack(void) {
    return (uintptr_t)original;
}

__attribute__((constructor(101))) static void find_early(void) {
    original = (sp_sigaltstack *)sp_originals_find("sigaltstack");
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmissing-attributes" /* more attributes in libc's header than an alias needs */
#endif
__typeof__(sigaltstack) sp_hook_sigaltstack __attribute__((alias("sigaltstack"), visibility("hidden")));
