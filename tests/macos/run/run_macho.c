/* run_macho.c: runs an x86-64 program for macOS on Linux.
 *
 *   run_macho -m LIBRARY… PROGRAM [ARGUMENT …]
 *
 * -m: a library for macOS whose exports come before those of macOS's libraries: a model of one of them. One of them
 * must have the first functions of the program and of threads (system_start.c). With the variable RUN_MACHO_STRICT set,
 * a function that has no stand-in ends the run at once, instead of when it is called.
 */
#include "image.h"
#include "imports.h"
#include "threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *what, const char *name) {
    fprintf(stderr, "run_macho: %s: %s\n", what, name);
    return 125;
}

static int list_missing(void) {
    for (size_t i = 0; i < imports_missing(); i++) fprintf(stderr, "run_macho: no %s here\n", import_missing_at(i));
    return 125;
}

/* The engine keeps a right to the port of each thread, and of some that have ended. If it forgot them, there would be
 * one for each thread that ever was. */
#define PORT_RIGHTS_MAX 200

static void check_ports(void) {
    int64_t rights = threads_port_rights();
    if (rights >= 0 && rights <= PORT_RIGHTS_MAX) return;
    fprintf(stderr, "run_macho: %ld rights to ports of threads were not returned\n", (long)rights);
    _exit(124);
}

/* Enter the program as macOS does: the first frame has neither a caller nor a frame pointer to one. */
static __attribute__((noreturn)) void enter(void *first, void *program, int count, char **words) {
    __asm__ volatile("andq $-16, %%rsp\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "pushq $0\n\t"
                     "jmp *%[first]"
                     :
                     : [first] "a"(first), "D"(program), "S"((int64_t)count), "d"(words)
                     : "memory");
    __builtin_unreachable();
}

int main(int count, char **words) {
    int at = 1;
    threads_note_stack();
    atexit(check_ports);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (; at + 1 < count && strcmp(words[at], "-m") == 0; at += 2)
        if (!image_open(words[at + 1], NULL)) return fail("no such library", words[at + 1]);
    if (at >= count) return fail("name a program", "run_macho [-m LIBRARY]… PROGRAM");
    image *program = image_open(words[at], NULL);
    if (!program) return fail("no such program", words[at]);
    if (imports_missing() > 0 && getenv("RUN_MACHO_STRICT")) return list_missing();
    images_initialize();
    void *first = image_symbol(NULL, "_start_program");
    if (!first) return fail("needed", "-m a library with start_program");
    enter(first, image_main(program), count - at, words + at);
}
