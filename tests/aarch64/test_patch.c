/* The library loaded into a running program: slots are patched, including those of objects loaded later. */
#include "spprof.h"
#include "tap.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

typedef __typeof__(spprof_start) start_function;
typedef __typeof__(spprof_patch) patch_function;
typedef __typeof__(spprof_set_native) set_native_function;
typedef __typeof__(spprof_copy_live) copy_live_function;
typedef __typeof__(spprof_stack_get) stack_get_function;

static void *engine;

static void *find(const char *name) {
    void *found = dlsym(engine, name);
    CHECK(found);
    return found;
}

static bool is_sampled(size_t size, spprof_stack *stack) {
    static spprof_sample samples[1024];
    size_t live = ((copy_live_function *)find("spprof_copy_live"))(samples, 1024);
    for (size_t i = 0; i < live && i < 1024; i++)
        if (samples[i].size == size)
            return ((stack_get_function *)find("spprof_stack_get"))(samples[i].stack_id, stack);
    return false;
}

static void test_the_programs_own_calls_are_led_to_the_hooks(void) {
    spprof_stack stack;
    void *before = malloc(1111);
    CHECK(!is_sampled(1111, &stack));
    CHECK(((patch_function *)find("spprof_patch"))() > 0);
    void *block = malloc(2222);
    CHECK(is_sampled(2222, &stack) && !stack.truncated && stack.count >= 3);
    free(block);
    CHECK(!is_sampled(2222, &stack));
    free(before);
}

/* The plugin is found through the RUNPATH of this program, because the loader looks at its caller. */
static void test_a_library_loaded_later_is_followed(void) {
    spprof_stack stack;
    void *plugin = dlopen("libplugin.so", RTLD_NOW);
    CHECK(plugin);
    void *(*allocate)(size_t) = (void *(*)(size_t))(uintptr_t)dlsym(plugin, "plugin_allocate");
    for (int i = 0; i < 20; i++) free(malloc(100)); /* the next calls that take the slow path look for new objects */
    void *block = allocate(3333);
    CHECK(is_sampled(3333, &stack) && !stack.truncated);
    CHECK(stack.frames[0] > (uintptr_t)allocate && stack.frames[0] < (uintptr_t)allocate + 64);
    free(block);
    CHECK(dlclose(plugin) == 0);
}

/* Functions are looked up through a handle and in the caller's scope. RTLD_NEXT never returns the hook. */
static void test_functions_that_are_looked_up_are_hooks(void) {
    spprof_stack stack;
    void *program = dlopen(NULL, RTLD_NOW);
    void *by_handle = dlsym(program, "malloc"), *by_default = dlsym(RTLD_DEFAULT, "malloc");
    void *by_version = dlvsym(program, "malloc", "GLIBC_2.17"), *next = dlsym(RTLD_NEXT, "malloc");
    CHECK(program && next && by_handle == by_default && by_handle == by_version && by_handle != next);
    void *block = ((void *(*)(size_t))(uintptr_t)by_handle)(4444);
    CHECK(is_sampled(4444, &stack) && !stack.truncated);
    ((void (*)(void *))(uintptr_t)dlsym(program, "free"))(block);
    CHECK(!is_sampled(4444, &stack));
    CHECK(!dlsym(program, "spprof_no_such_function") && dlerror());
}

int main(void) {
    engine = dlopen("libspprof_alloc.so", RTLD_NOW);
    if (!engine) fprintf(stderr, "%s\n", dlerror());
    CHECK(engine);
    ((set_native_function *)find("spprof_set_native"))(true);
    CHECK(((start_function *)find("spprof_start"))(0, NULL) == SPPROF_OK);
    RUN(test_the_programs_own_calls_are_led_to_the_hooks);
    RUN(test_a_library_loaded_later_is_followed);
    RUN(test_functions_that_are_looked_up_are_hooks);
    return EXIT_SUCCESS;
}
