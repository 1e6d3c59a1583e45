/* Threads as Linux and glibc know them. */
#include "support.h"
#include "thread.h"

#include <unistd.h>

TEST(test_the_first_threads_id_is_the_processs) {
    assert_int_equal(sp_thread_kernel_id(), getpid());
}

extern void *__libc_stack_end;

TEST(test_the_first_threads_stack_ends_where_libc_says) {
    assert_ptr_equal(sp_thread_stack_top(), __libc_stack_end);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_threads_id_is_the_processs),
        cmocka_unit_test(test_the_first_threads_stack_ends_where_libc_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
