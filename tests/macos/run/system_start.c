/* system_start.c: the first functions of the program and of threads, compiled for macOS: dyld's and libsystem_pthread's
 * are described by compact unwind, and have no caller. */
#include <pthread.h>
#include <stdlib.h>

typedef int program_main(int count, char **words, char **environment, char **apple);

__attribute__((noreturn)) void start_program(program_main *program, int count, char **words) {
    char *apple[] = {NULL};
    exit(program(count, words, NULL, apple));
}

__attribute__((noreturn)) void start_thread(void *(*work)(void *), void *data) {
    pthread_exit(work(data));
}
