#include "tick_signal.h"

#include <stddef.h>

bool sp_tick_signal_is_unused(int number) {
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL;
}

/* Faults are not blocked: a blocked fault ends the process, and the program may have a handler that expects it. */
static void block_all_but_faults(sigset_t *set) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT};
    sigfillset(set);
    for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(set, faults[i]);
}

bool sp_tick_signal_install(int number, sp_signal_handler *handler) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    block_all_but_faults(&action.sa_mask);
    return sigaction(number, &action, NULL) == 0;
}

bool sp_tick_signal_has(int number, sp_signal_handler *handler) {
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == handler;
}
