/* reloaded.c: an object that is loaded and unloaded repeatedly, and allocates in its constructor, its destructor and
 * its own thread.
 */
#include <stdlib.h>

static void *from_constructor;
static __thread char of_thread[256];

__attribute__((constructor)) static void begin(void) {
    from_constructor = malloc(4321);
}

__attribute__((destructor)) static void end(void) {
    free(malloc(1234));
    free(from_constructor);
}

void *allocate_and_free(void *unused) {
    void *blocks[50];
    (void)unused;
    of_thread[0] = 1;
    for (int i = 0; i < 50; i++) blocks[i] = malloc(100 + (size_t)i);
    for (int i = 0; i < 50; i++) free(blocks[i]);
    return NULL;
}
