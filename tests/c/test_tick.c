/* Timers whose signals go to one thread, the list of threads, their clocks, and copies of memory that may not exist. */
#include "clock.h"
#include "memory.h"
#include "support.h"
#include "tasks.h"
#include "thread.h"
#include "tick.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    _Atomic uint64_t cookie;
    _Atomic uint32_t thread_id, count;
    _Atomic uintptr_t sp, pc;
    _Atomic size_t room, word_count;
    uintptr_t words[SP_TICK_WORDS_MAX];
} seen;

static void note(uint64_t cookie, const sp_interrupted *interrupted) {
    uintptr_t registers[64];
    sp_tick_registers(interrupted, registers);
    errno = EXDEV;
    seen.cookie = cookie;
    seen.thread_id = sp_thread_kernel_id();
    seen.sp = interrupted->sp;
#if defined(__x86_64__)
    seen.pc = registers[16];
#else
    seen.pc = registers[32];
#endif
    seen.room = interrupted->stack_room;
    seen.word_count = sp_tick_words(interrupted, seen.words);
    seen.count++;
}

static void burn_until(uint32_t count) {
    while (seen.count < count) {
    }
}

TEST(test_a_timer_on_a_threads_clock_comes_to_that_thread_with_its_cookie) {
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL); /* removes the address sanitizer's stack */
    assert_true(sp_tick_install(note));
    int timer = sp_tick_create(sp_thread_kernel_id(), SP_TICK_CPU, UINT64_C(0x1234567800000042));
    assert_int_not_equal(timer, SP_TICK_NONE);
    sp_tick_arm(timer, 1000000, 1000000);
    burn_until(2);
    sp_tick_delete(timer);
    assert_int_equal(seen.cookie, UINT64_C(0x1234567800000042));
    assert_int_equal(seen.thread_id, sp_thread_kernel_id());
    assert_int_equal(seen.room, SIZE_MAX);
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    assert_true(seen.sp > here - 65536 && seen.sp < here + 65536); /* on this stack, whatever else is on it */
}

TEST(test_a_timer_of_the_process_comes_to_one_of_its_threads) {
    assert_true(sp_tick_install(note));
    int timer = sp_tick_create_for_process(SP_TICK_CPU, 0, 7);
    sp_tick_arm(timer, 1000000, 1000000);
    burn_until(1);
    sp_tick_delete(timer);
    assert_int_equal(seen.cookie, 7);
}

TEST(test_an_interrupted_register_set_holds_the_program_counter) {
    assert_true(sp_tick_install(note));
    sp_tick_send(sp_thread_kernel_id(), 1);
    assert_int_equal(seen.count, 1);
    assert_true(sp_memory_is_readable(seen.pc));
}

static bool was_seen(uintptr_t word) {
    for (size_t i = 0; i < seen.word_count; i++)
        if (seen.words[i] == word) return true;
    return false;
}

/* Keep the values in registers until the first tick. */
static void hold(uintptr_t general, const uintptr_t *vector) {
#if defined(__x86_64__)
    __asm__ volatile("movups (%1), %%xmm13\n"
                     "1: cmpl $0, (%2)\n"
                     "je 1b"
                     :
                     : "b"(general), "r"(vector), "r"(&seen.count)
                     : "xmm13", "cc", "memory");
#elif defined(__aarch64__)
    register uintptr_t held __asm__("x19") = general;
    __asm__ volatile("1: ldr w9, [%1]\n"
                     "cbz w9, 1b"
                     :
                     : "r"(held), "r"(&seen.count)
                     : "x9", "cc", "memory");
    (void)vector;
#endif
}

TEST(test_what_stands_in_registers_is_told) {
    const uintptr_t general = UINT64_C(0x6765B72F0DE2A313);
    const uintptr_t vector[2] = {UINT64_C(0x1C9F8A52B33E0D71), UINT64_C(0x5A01F6C9D4E87B2D)};
    assert_true(sp_tick_install(note));
    int timer = sp_tick_create(sp_thread_kernel_id(), SP_TICK_CPU, 1);
    sp_tick_arm(timer, 1000000, 1000000);
    for (int i = 0; i < 5 && !was_seen(general); i++) { /* a tick may arrive before the values are in registers */
        seen.count = 0;
        hold(general, vector);
    }
    sp_tick_delete(timer);
    assert_true(was_seen(general));
#if defined(__x86_64__)
    assert_true(was_seen(vector[0]) && was_seen(vector[1]));
#endif
    assert_false(was_seen(general + 1));
}

TEST(test_a_handler_leaves_errno_as_it_was) {
    assert_true(sp_tick_install(note));
    errno = ERANGE;
    assert_true(sp_tick_send(sp_thread_kernel_id(), 1));
    assert_int_equal(seen.count, 1);
    assert_int_equal(errno, ERANGE);
}

TEST(test_the_room_on_an_alternate_stack_is_told) {
    static _Alignas(16) char alternate[65536];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    assert_int_equal(sigaltstack(&stack, NULL), 0);
    assert_true(sp_tick_install(note));
    sp_tick_send(sp_thread_kernel_id(), 1);
    assert_true(seen.room > 32768 && seen.room < sizeof alternate);
}

static void note_room(uint64_t cookie, const sp_interrupted *interrupted) {
    seen.cookie = cookie;
    seen.room = interrupted->stack_room;
    seen.count++;
}

/* The stack is just above an inaccessible page. */
TEST(test_a_signal_stack_of_the_stated_size_suffices) {
    assert_true(sp_tick_install(note_room));
    assert_int_equal(seen.count, 0); /* measuring the size does not call the handler */
    size_t size = sp_tick_stack_bytes();
    assert_in_range(size, 1024, 65536);
    char *low = mmap(NULL, 65536 + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(mprotect(low, 4096, PROT_NONE), 0);
    stack_t stack = {.ss_sp = low + 4096, .ss_size = size};
    assert_int_equal(sigaltstack(&stack, NULL), 0);
    assert_true(sp_tick_send(sp_thread_kernel_id(), 1));
    assert_int_equal(seen.count, 1);
    assert_in_range(seen.room, 512, size);
}

static void handle_nothing(int number) {
    (void)number;
}

TEST(test_a_signal_that_has_a_handler_is_not_taken) {
    signal(SIGRTMAX, handle_nothing);
    signal(SIGRTMAX - 1, SIG_IGN);
    assert_true(sp_tick_install(note));
    assert_int_equal(sp_tick_signal(), SIGRTMAX - 2);
    struct sigaction now;
    sigaction(SIGRTMAX, NULL, &now);
    assert_ptr_equal(now.sa_handler, handle_nothing);
}

TEST(test_a_handler_that_was_displaced_is_installed_for_another_signal) {
    assert_true(sp_tick_install(note));
    assert_true(sp_tick_is_installed());
    signal(sp_tick_signal(), handle_nothing);
    assert_false(sp_tick_is_installed());
    assert_true(sp_tick_install(note));
    assert_true(sp_tick_is_installed());
    assert_int_equal(sp_tick_signal(), SIGRTMAX - 1);
}

TEST(test_with_all_signals_taken_there_is_none) {
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) signal(number, handle_nothing);
    assert_false(sp_tick_install(note));
    assert_int_equal(sp_tick_signal(), 0);
}

TEST(test_a_stranger_who_sends_the_signal_ends_the_process_as_ever) {
    assert_true(sp_tick_install(note));
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        kill(getpid(), sp_tick_signal());
        for (;;) pause();
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), sp_tick_signal());
}

TEST(test_no_timer_for_a_thread_that_is_not_there) {
    assert_true(sp_tick_install(note));
    errno = ERANGE;
    assert_int_equal(sp_tick_create(0x1EFFFFFF, SP_TICK_CPU, 1), SP_TICK_NONE);
    assert_false(sp_tick_send(0x1EFFFFFF, 1));
    assert_int_equal(errno, ERANGE);
}

/* ---- Threads ---- */

typedef struct id_list {
    unsigned count;
    uint32_t ids[16];
} id_list;

static void put_id(uint32_t id, void *data) {
    id_list *list = data;
    CHECK(list->count < 16);
    list->ids[list->count++] = id;
}

static unsigned times_listed(const id_list *list, uint32_t id) {
    unsigned times = 0;
    for (unsigned i = 0; i < list->count; i++) times += list->ids[i] == id;
    return times;
}

#define THREADS 8
static pthread_barrier_t all_there, all_listed;
static _Atomic uint32_t ids[THREADS];

static void check_list(void) {
    id_list list = {0};
    char name[SP_TASK_NAME_SIZE];
    CHECK(sp_tasks_count() == THREADS + 1);
    CHECK(sp_tasks_each(put_id, &list));
    CHECK(list.count == THREADS + 1);
    for (unsigned i = 0; i < THREADS; i++) CHECK(times_listed(&list, ids[i]) == 1);
    sp_task_name(ids[3], name);
    CHECK(strcmp(name, "the third of 15") == 0);
}

static void be_listed(unsigned index, void *unused) {
    (void)unused;
    ids[index] = sp_thread_kernel_id();
    prctl(PR_SET_NAME, index == 3 ? "the third of 15" : "other");
    pthread_barrier_wait(&all_there);
    if (index == 0) check_list();
    pthread_barrier_wait(&all_listed);
}

TEST(test_each_thread_is_listed_once) {
    pthread_barrier_init(&all_there, NULL, THREADS);
    pthread_barrier_init(&all_listed, NULL, THREADS);
    run_threads(THREADS, be_listed, NULL);
    while (sp_tasks_count() > 1) sched_yield(); /* a joined thread may still be listed */
    assert_int_equal(sp_tasks_count(), 1);
}

TEST(test_a_thread_that_has_ended_has_no_name_and_no_clock) {
    char name[SP_TASK_NAME_SIZE] = "before";
    uint64_t ns;
    errno = ERANGE;
    sp_task_name(0x1EFFFFFF, name);
    assert_string_equal(name, "");
    assert_false(sp_clock_cpu_ns_of(0x1EFFFFFF, &ns));
    assert_false(sp_task_blocks(0x1EFFFFFF, SIGUSR1));
    assert_int_equal(errno, ERANGE);
}

TEST(test_blocked_signals_are_told) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMAX);
    sigaddset(&set, SIGHUP);
    assert_false(sp_task_blocks(sp_thread_kernel_id(), SIGRTMAX));
    sigprocmask(SIG_BLOCK, &set, NULL);
    assert_true(sp_task_blocks(sp_thread_kernel_id(), SIGRTMAX));
    assert_true(sp_task_blocks(sp_thread_kernel_id(), SIGHUP));
    assert_false(sp_task_blocks(sp_thread_kernel_id(), SIGRTMAX - 1));
}

TEST(test_a_threads_clock_is_the_same_from_outside) {
    uint64_t before = sp_clock_thread_cpu_ns(), outside, process = sp_clock_process_cpu_ns();
    assert_true(sp_clock_cpu_ns_of(sp_thread_kernel_id(), &outside));
    uint64_t after = sp_clock_thread_cpu_ns();
    assert_true(before <= outside && outside <= after);
    assert_true(process + 2000 >= before); /* user and system time are each truncated to a microsecond */
}

/* ---- Memory that may not exist ---- */

static char *two_pages_and_a_hole(void) {
    char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 2 * 4096, 4096);
    for (int i = 0; i < 2 * 4096; i++) pages[i] = (char)(i * 7);
    return pages;
}

static void check_copies(void) {
    char *pages = two_pages_and_a_hole(), copy[64];
    errno = ERANGE;
    for (int from = 4096 - 64; from < 4096; from++) {
        assert_true(sp_memory_copy(copy, (uintptr_t)pages + (uintptr_t)from, sizeof copy));
        assert_memory_equal(copy, pages + from, sizeof copy);
    }
    for (int from = 2 * 4096 - 64; from <= 2 * 4096; from++)
        assert_int_equal(sp_memory_copy(copy, (uintptr_t)pages + (uintptr_t)from, sizeof copy), from == 2 * 4096 - 64);
    assert_false(sp_memory_copy(copy, 0, sizeof copy));
    assert_false(sp_memory_copy(copy, UINTPTR_MAX - 8, sizeof copy));
    assert_false(sp_memory_copy(copy, UINT64_C(0x8000000000000000), sizeof copy));
    assert_int_equal(errno, ERANGE);
}

TEST(test_memory_is_copied_if_all_of_it_is_there) {
    check_copies();
}

TEST(test_memory_is_copied_where_the_kernel_may_not_be_asked) {
    refuse_system_call(SYS_process_vm_readv);
    check_copies();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_timer_on_a_threads_clock_comes_to_that_thread_with_its_cookie),
        cmocka_unit_test(test_a_timer_of_the_process_comes_to_one_of_its_threads),
        cmocka_unit_test(test_an_interrupted_register_set_holds_the_program_counter),
        cmocka_unit_test(test_what_stands_in_registers_is_told),
        cmocka_unit_test(test_a_handler_leaves_errno_as_it_was),
        cmocka_unit_test(test_the_room_on_an_alternate_stack_is_told),
        cmocka_unit_test(test_a_signal_stack_of_the_stated_size_suffices),
        cmocka_unit_test(test_a_signal_that_has_a_handler_is_not_taken),
        cmocka_unit_test(test_a_handler_that_was_displaced_is_installed_for_another_signal),
        cmocka_unit_test(test_with_all_signals_taken_there_is_none),
        cmocka_unit_test(test_a_stranger_who_sends_the_signal_ends_the_process_as_ever),
        cmocka_unit_test(test_no_timer_for_a_thread_that_is_not_there),
        cmocka_unit_test(test_each_thread_is_listed_once),
        cmocka_unit_test(test_a_thread_that_has_ended_has_no_name_and_no_clock),
        cmocka_unit_test(test_blocked_signals_are_told),
        cmocka_unit_test(test_a_threads_clock_is_the_same_from_outside),
        cmocka_unit_test(test_memory_is_copied_if_all_of_it_is_there),
        cmocka_unit_test(test_memory_is_copied_where_the_kernel_may_not_be_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
