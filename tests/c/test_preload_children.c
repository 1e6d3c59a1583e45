/* Programs that do not know about the library, run with and without it. TEST_LIBRARY is its absolute path. */
#include "support.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX (1 << 20)

typedef struct outcome {
    int status;
    char output[OUTPUT_MAX]; /* stdout and stderr */
} outcome;

/* Run `arguments` in `folder` with this LD_PRELOAD; NULL means without one. */
static void run(outcome *outcome, const char *folder, const char *preload, const char *const *arguments) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        CHECK(chdir(folder) == 0);
        setenv("LC_ALL", "C", 1);
        if (preload)
            setenv("LD_PRELOAD", preload, 1);
        else
            unsetenv("LD_PRELOAD");
        execv(arguments[0], (char *const *)arguments);
        _exit(126);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], outcome->output + length, OUTPUT_MAX - 1 - length)) > 0;)
        length += (size_t)got;
    outcome->output[length] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &outcome->status, 0), child);
}

static outcome with, without;

static void assert_same_with_and_without(const char *const *arguments) {
    run(&without, "/", NULL, arguments);
    run(&with, "/", getenv("TEST_LIBRARY"), arguments);
    assert_int_equal(with.status, without.status);
    assert_string_equal(with.output, without.output);
    assert_int_not_equal(with.output[0], '\0');
}

TEST(test_programs_give_the_same_output_with_the_library) {
    assert_same_with_and_without((const char *const[]){"/bin/ls", "-l", "/usr/bin", NULL});
    assert_same_with_and_without(
        (const char *const[]){"/bin/sh", "-c", "for i in 1 2 3; do echo $i | sort; done", NULL});
    assert_same_with_and_without((const char *const[]){"/bin/cat", "/etc/passwd", NULL});
    assert_same_with_and_without((const char *const[]){"/bin/sh", "-c", "(echo b; echo a) | sort; exit 7", NULL});
    assert_same_with_and_without((const char *const[]){"/bin/ls", "/nowhere", NULL});
}

/* ---- LD_PRELOAD as children inherit it ---- */

static void folder_of_library(char *folder) {
    strcpy(folder, getenv("TEST_LIBRARY"));
    *strrchr(folder, '/') = '\0';
}

/* Check the environment of a child that was started in another folder. The loader must not print an error either. */
static void assert_inherited(const char *preload, const char *expected) {
    char folder[PATH_MAX], line[3 * PATH_MAX];
    folder_of_library(folder);
    run(&with, folder, preload, (const char *const[]){"/bin/sh", "-c", "cd / && env && /bin/ls /dev/null", NULL});
    assert_int_equal(with.status, 0);
    snprintf(line, sizeof line, "\nLD_PRELOAD=%s\n", expected);
    char *found = strstr(with.output, "\nLD_PRELOAD=");
    assert_non_null(found);
    found[strcspn(found + 1, "\n") + 2] = '\0';
    assert_string_equal(found, line);
    run(&with, folder, preload, (const char *const[]){"/bin/sh", "-c", "cd / && /bin/ls /dev/null", NULL});
    assert_string_equal(with.output, "/dev/null\n");
}

/* `form` contains %s in place of the library's absolute path. */
static void assert_becomes(const char *preload, const char *form) {
    char expected[2 * PATH_MAX];
    const char *at = strstr(form, "%s");
    snprintf(expected, sizeof expected, "%.*s%s%s", (int)(at - form), form, getenv("TEST_LIBRARY"), at + 2);
    assert_inherited(preload, expected);
}

TEST(test_a_relative_entry_becomes_absolute_for_children) {
    assert_becomes("./libspprof_alloc.so", "%s");
    assert_becomes("././libspprof_alloc.so", "%s");
}

/* libm and librt are named without a folder, so the loader searches for them. */
TEST(test_other_entries_stay_as_they_are) {
    assert_becomes("./libspprof_alloc.so:libm.so.6", "%s:libm.so.6");
    assert_becomes("libm.so.6:./libspprof_alloc.so", "libm.so.6:%s");
    assert_becomes("libm.so.6 ./libspprof_alloc.so librt.so.1", "libm.so.6 %s librt.so.1");
    assert_becomes("libm.so.6 ./libspprof_alloc.so:librt.so.1", "libm.so.6 %s:librt.so.1");
    assert_becomes("libm.so.6::./libspprof_alloc.so: ", "libm.so.6::%s: ");
}

TEST(test_an_absolute_entry_stays_as_it_is) {
    assert_inherited(getenv("TEST_LIBRARY"), getenv("TEST_LIBRARY"));
    char preload[PATH_MAX + 32];
    snprintf(preload, sizeof preload, "%s:libm.so.6", getenv("TEST_LIBRARY"));
    assert_inherited(preload, preload);
}

/* A relative path through a parent folder becomes absolute, however it is spelled, and names the same file. */
TEST(test_an_entry_through_another_folder_leads_to_the_library) {
    char folder[PATH_MAX], preload[PATH_MAX + 32];
    struct stat expected, got;
    folder_of_library(folder);
    snprintf(preload, sizeof preload, "../%s/libspprof_alloc.so", strrchr(folder, '/') + 1);
    run(&with, folder, preload, (const char *const[]){"/bin/sh", "-c", "cd / && echo $LD_PRELOAD", NULL});
    with.output[strcspn(with.output, "\n")] = '\0';
    assert_int_equal(with.output[0], '/');
    assert_int_equal(stat(getenv("TEST_LIBRARY"), &expected), 0);
    assert_int_equal(stat(with.output, &got), 0);
    assert_true(expected.st_ino == got.st_ino && expected.st_dev == got.st_dev);
}

/* LD_PRELOAD cannot contain a folder whose name contains a separator, so the entry is left alone. */
TEST(test_a_folder_that_cannot_be_named_leaves_the_entry_alone) {
    char folder[] = "/tmp/spprof test XXXXXX", link_name[PATH_MAX];
    assert_non_null(mkdtemp(folder));
    snprintf(link_name, sizeof link_name, "%s/libspprof_alloc.so", folder);
    assert_int_equal(symlink(getenv("TEST_LIBRARY"), link_name), 0);
    run(&with, folder, "./libspprof_alloc.so", (const char *const[]){"/bin/sh", "-c", "echo $LD_PRELOAD", NULL});
    unlink(link_name);
    rmdir(folder);
    assert_string_equal(with.output, "./libspprof_alloc.so\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_programs_give_the_same_output_with_the_library),
        cmocka_unit_test(test_a_relative_entry_becomes_absolute_for_children),
        cmocka_unit_test(test_other_entries_stay_as_they_are),
        cmocka_unit_test(test_an_absolute_entry_stays_as_it_is),
        cmocka_unit_test(test_an_entry_through_another_folder_leads_to_the_library),
        cmocka_unit_test(test_a_folder_that_cannot_be_named_leaves_the_entry_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
