/* test_objects.c: libraries that are loaded and unloaded while the profiler runs, on macOS or under run_macho. */
#include "names.h"
#include "tap.h"

#include <dlfcn.h>
#include <limits.h>
#include <string.h>

static char folder[PATH_MAX];

static void *open_plugin(const char *name) {
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s.dylib", folder, name);
    void *handle = dlopen(path, RTLD_NOW);
    CHECK(handle != NULL);
    return handle;
}

typedef void *allocate(size_t size);

/* Return the sampled block that a plugin allocates. The plugin's function is named after it. */
static __attribute__((noinline)) void *allocate_in(void *handle, const char *name, uintptr_t *address) {
    allocate *found = (allocate *)dlsym(handle, name);
    CHECK(found != NULL);
    *address = (uintptr_t)found;
    void *block = found(100);
    __asm__ volatile("" : "+r"(block));
    return block;
}

static names stack_of(const void *block) {
    static spprof_sample samples[4096];
    spprof_stack stack;
    size_t count = spprof_copy_live(samples, 4096), i = 0;
    CHECK(count <= 4096);
    while (i < count && samples[i].address != (uint64_t)(uintptr_t)block) i++;
    CHECK(i < count && spprof_stack_get(samples[i].stack_id, &stack));
    return names_of(&stack);
}

static void check_leads_to_main(const void *block, const char *name) {
    names found = stack_of(block);
    if (!names_include(&found, (const char *const[]){name, NULL})) names_print(&found);
    CHECK(names_include(&found, (const char *const[]){name, "allocate_in", NULL}));
    CHECK(!found.truncated);
}

static void test_stacks_of_unloaded_libraries_keep_their_names(void) {
    uintptr_t first, second;
    spprof_set_native(true);
    CHECK(spprof_patch() > 0);
    CHECK(spprof_start(0, NULL) == SPPROF_OK);
    void *one = open_plugin("plugin_one");
    void *block = allocate_in(one, "plugin_one", &first);
    check_leads_to_main(block, "plugin_one");
    CHECK(dlclose(one) == 0);
    void *two = open_plugin("plugin_two");
    void *another = allocate_in(two, "plugin_two", &second);
    printf("# the second library is %s the first one's place\n", first == second ? "in" : "not in");
    check_leads_to_main(another, "plugin_two");
    check_leads_to_main(block, "plugin_one");
    free(block);
    free(another);
    CHECK(dlclose(two) == 0);
    CHECK(spprof_stop() == SPPROF_OK);
}

/* Each is another object at the same place: the engine knows a few thousand of them. */
static void test_many_loads_and_unloads(void) {
    CHECK(spprof_patch() > 0);
    CHECK(spprof_start(0, NULL) == SPPROF_OK);
    for (int i = 0; i < 200; i++) {
        uintptr_t address;
        const char *name = i % 2 ? "plugin_one" : "plugin_two";
        void *handle = open_plugin(name);
        void *block = allocate_in(handle, name, &address);
        check_leads_to_main(block, name);
        free(block);
        CHECK(dlclose(handle) == 0);
    }
    CHECK(spprof_stop() == SPPROF_OK);
}

int main(int count, char **words) {
    CHECK(count > 0 && realpath(words[0], folder));
    *strrchr(folder, '/') = '\0';
    RUN(test_stacks_of_unloaded_libraries_keep_their_names);
    RUN(test_many_loads_and_unloads);
    return EXIT_SUCCESS;
}
