#include "traps.h"

#include "tap.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define BRK 0xD4200000 /* brk #0 */
#define ALTERNATE_BYTES (1 << 18)

static struct {
    volatile uint32_t *instruction;
    uint32_t original;
    trap_observer *observer;
    void *argument;
    volatile bool met;
} trap;

static void write_code(volatile uint32_t *instruction, uint32_t value) {
    *instruction = value;
    __builtin___clear_cache((char *)instruction, (char *)(instruction + 1));
}

static PLACED(trap_handler) void handle(int number, siginfo_t *information, void *context) {
    const ucontext_t *interrupted = context;
    (void)number, (void)information;
    write_code(trap.instruction, trap.original);
    CHECK(interrupted->uc_mcontext.pc == (uintptr_t)trap.instruction && !trap.met);
    trap.met = true;
    trap.observer(interrupted, trap.argument);
    __asm__ volatile(""); /* prevents a tail call */
}

void trap_prepare(bool alternate_stack) {
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | (alternate_stack ? SA_ONSTACK : 0)};
    void *memory = mmap(NULL, ALTERNATE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    CHECK(sigaltstack(&(stack_t){.ss_sp = memory, .ss_size = ALTERNATE_BYTES}, NULL) == 0);
    CHECK(sigaction(SIGTRAP, &action, NULL) == 0);
}

static void open_page(uintptr_t address) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    CHECK(mprotect((void *)(address & ~(page - 1)), page, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
}

bool trap_run(uintptr_t instruction, trap_observer *observer, void (*run)(void *argument), void *argument) {
    open_page(instruction);
    trap.instruction = (volatile uint32_t *)instruction;
    trap.original = *trap.instruction;
    trap.observer = observer;
    trap.argument = argument;
    trap.met = false;
    write_code(trap.instruction, BRK);
    run(argument);
    write_code(trap.instruction, trap.original);
    return trap.met;
}
