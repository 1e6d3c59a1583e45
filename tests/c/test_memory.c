/* Which memory is readable, on kernels that report it and on kernels that do not. */
#include "memory.h"

#include "support.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *map_pages(size_t count, int protection) {
    void *pages = mmap(NULL, count * (size_t)getpagesize(), protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    return pages;
}

static void assert_readable(const void *address, bool expected) {
    errno = 77;
    assert_int_equal(sp_memory_is_readable((uintptr_t)address), expected);
    assert_int_equal(errno, 77);
}

/* ---- The answers ---- */

static void assert_right_answers(void **state) {
    (void)state;
    size_t page = (size_t)getpagesize();
    char *pages = map_pages(4, PROT_READ | PROT_WRITE); /* touched | untouched | hidden | gone */
    pages[0] = 1;
    mprotect(pages + 2 * page, page, PROT_NONE);
    munmap(pages + 3 * page, page);
    for (size_t offset = 0; offset < page; offset += 511) {
        assert_readable(pages + offset, true);
        assert_readable(pages + page + offset, true);
        assert_readable(pages + 2 * page + offset, false);
        assert_readable(pages + 3 * page + offset, false);
    }
    assert_readable(pages + 2 * page - 1, true);
    assert_readable(map_pages(1, PROT_READ), true);
    assert_readable(map_pages(1, PROT_NONE), false);
    assert_readable((const void *)(uintptr_t)&assert_right_answers, true);
    const uintptr_t nowhere[] = {0, 1, 7, 8, 4095, UINT64_C(1) << 62, UINT64_C(0xFFFF) << 48, UINTPTR_MAX};
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) assert_readable((void *)nowhere[i], false);
}

TEST(test_readable_pages_are_told_from_others) {
    assert_right_answers(state);
}

TEST(test_the_first_question_may_be_about_an_unreadable_page) {
    assert_readable(map_pages(1, PROT_NONE), false);
}

TEST(test_a_page_that_changes_is_asked_for_anew) {
    char *page = map_pages(1, PROT_READ);
    for (int i = 0; i < 3; i++) {
        assert_readable(page, true);
        mprotect(page, 1, PROT_NONE);
        assert_readable(page, false);
        mprotect(page, 1, PROT_READ);
    }
}

/* ---- Kernels that do not read the memory ---- */

/* Make every later call that changes the signal mask in an unknown way fail with `error`, whatever set it names. */
static void refuse_unseen(unsigned error) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigprocmask, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])), /* the low half of the argument */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static unsigned error_of_kernel; /* 0: it reports success */

static void ask_such_a_kernel(void **state) {
    char byte;
    refuse_unseen(error_of_kernel);
    assert_int_equal(syscall(SYS_rt_sigprocmask, -1, &byte, NULL, 8), error_of_kernel ? -1 : 0);
    assert_right_answers(state);
}

/* Without a filter, the call fails with EFAULT if the kernel supports filters. */
static bool can_filter(void) {
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) != 0 && errno == EFAULT;
}

static void test_a_kernel_that_refuses_before_it_looks_is_asked_otherwise(void **state) {
    (void)state;
    static const unsigned errors[] = {EINVAL, EPERM, ENOSYS, EFAULT, 0};
    if (!can_filter()) {
        print_error("not tested: this system cannot refuse a system call\n");
        return;
    }
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        error_of_kernel = errors[i];
        run_alone("ask_such_a_kernel", ask_such_a_kernel);
    }
}

/* ---- Resident pages ---- */

#define PAGES 300

TEST(test_pages_in_memory_are_told_from_others_around_holes) {
    size_t page = (size_t)getpagesize();
    uint64_t seed = 20261130;
    for (int round = 0; round < 50; round++) {
        unsigned char expected[PAGES], found[PAGES];
        char *pages = map_pages(PAGES, PROT_READ | PROT_WRITE);
        madvise(pages, PAGES * page, MADV_NOHUGEPAGE);
        for (size_t i = 0; i < PAGES; i++) {
            uint64_t kind = random_below(&seed, round % 2 ? 3 : 20); /* many holes or few */
            expected[i] = kind > 1;
            if (kind > 1) pages[i * page] = 1;
            if (kind == 1) munmap(pages + i * page, page);
        }
        errno = 77;
        sp_memory_find_present((uintptr_t)pages, PAGES, found);
        assert_int_equal(errno, 77);
        assert_memory_equal(found, expected, PAGES);
        munmap(pages, PAGES * page);
        sp_memory_find_present((uintptr_t)pages, PAGES, found);
        for (size_t i = 0; i < PAGES; i++) assert_int_equal(found[i], 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readable_pages_are_told_from_others),
        cmocka_unit_test(test_the_first_question_may_be_about_an_unreadable_page),
        cmocka_unit_test(test_a_page_that_changes_is_asked_for_anew),
        cmocka_unit_test(test_pages_in_memory_are_told_from_others_around_holes),
        cmocka_unit_test(test_a_kernel_that_refuses_before_it_looks_is_asked_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
