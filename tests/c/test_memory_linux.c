/* Which memory is readable, on kernels that do not read the memory that they are asked about. */
#include "readable_pages.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

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
    (void)state;
    assert_right_answers();
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_kernel_that_refuses_before_it_looks_is_asked_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
