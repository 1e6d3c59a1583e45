/* Objects in which frames were seen. The objects are made here: pages with the headers that a build id needs. */
#include "modules.h"

#include "memory.h"
#include "options.h"
#include "support.h"

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES 64
#define BUILD_ID_BYTES 20

static uint8_t memory[PAGES * PAGE] __attribute__((aligned(PAGE)));

static uintptr_t address_in(size_t page) {
    return (uintptr_t)memory + page * PAGE + 100;
}

typedef struct image {
    ElfW(Ehdr) header;
    ElfW(Phdr) note_header;
    ElfW(Nhdr) note;
    char name[4];
    uint8_t build_id[BUILD_ID_BYTES];
} image;

/* Make an object of `pages` pages whose build id consists of this letter; 0: no build id. It replaces any earlier
 * object there. */
static sp_object load(size_t page, size_t pages, const char *path, char build_id) {
    uintptr_t start = (uintptr_t)memory + page * PAGE;
    memset((void *)start, 0, pages * PAGE);
    image *made = (image *)start;
    memcpy(made->header.e_ident, ELFMAG, SELFMAG);
    made->header.e_phoff = offsetof(image, note_header);
    made->header.e_phnum = build_id != 0;
    made->note_header = (ElfW(Phdr)){.p_type = PT_NOTE, .p_vaddr = offsetof(image, note), .p_filesz = 36};
    made->note = (ElfW(Nhdr)){.n_namesz = 4, .n_descsz = BUILD_ID_BYTES, .n_type = NT_GNU_BUILD_ID};
    memcpy(made->name, "GNU", 4);
    memset(made->build_id, build_id, BUILD_ID_BYTES);
    return (sp_object){.start = start, .end = start + pages * PAGE, .base = start, .path = path};
}

static void meet(sp_object object) {
    sp_modules_note(&object);
}

static uint32_t count(void) {
    spprof_module module;
    uint32_t found = 0;
    while (sp_modules_get(found, &module)) found++;
    return found;
}

static spprof_module module_at(uint32_t index) {
    spprof_module module;
    assert_true(sp_modules_get(index, &module));
    return module;
}

static void assert_path(uint32_t index, const char *path) {
    assert_string_equal(module_at(index).path, path);
}

/* ---- What is recorded ---- */

TEST(test_an_object_is_kept_with_all_that_identifies_it) {
    sp_object object = load(3, 2, "/lib/liba.so", 'a');
    char path[] = "/lib/liba.so";
    object.path = path;
    sp_modules_note(&object);
    memset(memory, 0, sizeof memory); /* the object is unloaded */
    memset(path, 0, sizeof path);
    spprof_module module = module_at(0);
    assert_int_equal(module.start, object.start);
    assert_int_equal(module.end, object.end);
    assert_int_equal(module.base, object.base);
    assert_string_equal(module.path, "/lib/liba.so");
    assert_int_equal(module.build_id_length, BUILD_ID_BYTES);
    for (int i = 0; i < BUILD_ID_BYTES; i++) assert_int_equal(module.build_id[i], 'a');
    assert_int_equal(module.generation, 0);
    assert_int_equal(count(), 1);
}

TEST(test_nothing_is_known_before_an_object_was_met) {
    assert_int_equal(count(), 0);
    assert_int_equal(sp_modules_generation(address_in(0)), 0);
    assert_false(sp_modules_reused());
    assert_false(sp_modules_switches_stacks(address_in(0)));
    spprof_module module;
    assert_false(sp_modules_get(UINT32_MAX, &module));
}

TEST(test_an_object_met_again_is_listed_once) {
    for (int i = 0; i < 3; i++) {
        meet(load(0, 2, "/lib/liba.so", 'a'));
        meet(load(4, 2, "/lib/libb.so", 0)); /* without a build id */
    }
    assert_int_equal(count(), 2);
    assert_int_equal(module_at(1).build_id_length, 0);
    assert_false(sp_modules_reused());
}

TEST(test_objects_side_by_side_are_generations_of_their_own_places) {
    for (size_t page = 0; page < PAGES; page += 4) meet(load(page, 2, "/lib/liba.so", 'a'));
    for (size_t page = 2; page < PAGES; page += 4) meet(load(page, 2, "/lib/liba.so", 'a')); /* between the others */
    assert_int_equal(count(), PAGES / 2);
    assert_false(sp_modules_reused());
    for (uint32_t i = 0; i < PAGES / 2; i++) assert_int_equal(module_at(i).generation, 0);
}

/* ---- Generations ---- */

TEST(test_another_object_at_the_place_is_the_next_generation) {
    const char ids[] = "abcd";
    for (uint32_t generation = 0; generation < 4; generation++) {
        meet(load(1, 3, "/lib/lib.so", ids[generation]));
        assert_int_equal(module_at(generation).generation, generation);
        assert_int_equal(sp_modules_generation(address_in(2)), generation);
        assert_int_equal(sp_modules_reused(), generation > 0);
    }
    assert_int_equal(module_at(0).build_id[0], 'a'); /* the frames of old stacks still lead to their objects */
    assert_int_equal(sp_modules_generation(address_in(0)), 0);
    assert_int_equal(sp_modules_generation(address_in(4)), 0);
}

TEST(test_an_object_is_another_by_path_build_id_range_or_base) {
    sp_object object = load(2, 2, "/lib/liba.so", 0), shorter = object, elsewhere = object, renamed = object;
    sp_modules_note(&object);
    shorter.end -= PAGE;
    elsewhere.base += PAGE;
    renamed.path = "/lib/libb.so";
    meet(shorter);
    meet(elsewhere);
    meet(renamed);
    meet(load(2, 2, "/lib/liba.so", 'a'));
    assert_int_equal(count(), 5);
    for (uint32_t i = 0; i < 5; i++) assert_int_equal(module_at(i).generation, i);
}

TEST(test_an_object_that_comes_back_is_the_generation_that_it_was) {
    meet(load(1, 2, "/lib/liba.so", 'a'));
    meet(load(1, 2, "/lib/libb.so", 'b'));
    assert_int_equal(sp_modules_generation(address_in(1)), 1);
    meet(load(1, 2, "/lib/liba.so", 'a'));
    assert_int_equal(sp_modules_generation(address_in(1)), 0);
    meet(load(1, 2, "/lib/libb.so", 'b'));
    assert_int_equal(sp_modules_generation(address_in(1)), 1);
    assert_int_equal(count(), 2);
}

TEST(test_objects_that_share_a_page_are_different_generations) {
    meet(load(0, 4, "/lib/liba.so", 'a'));
    meet(load(3, 4, "/lib/libb.so", 'b')); /* its first page was the last page of the other */
    meet(load(6, 4, "/lib/libc.so", 'c'));
    assert_int_equal(sp_modules_generation(address_in(1)), 0);
    assert_int_equal(sp_modules_generation(address_in(3)), 1);
    assert_int_equal(sp_modules_generation(address_in(6)), 2);
    assert_int_equal(sp_modules_generation(address_in(9)), 2);
    assert_int_equal(sp_modules_generation(address_in(10)), 0);
}

/* An address and a generation must lead to the object that was there, however many times objects come and go. */
static struct {
    size_t page, pages;
    char build_id;
} known[40];

static size_t find_by_frame(uintptr_t address, uint32_t generation) {
    size_t found = SIZE_MAX;
    for (uint32_t i = 0; i < count(); i++) {
        spprof_module module = module_at(i);
        if (address < module.start || address >= module.end || module.generation != generation) continue;
        assert_int_equal(found, SIZE_MAX); /* address and generation identify one object */
        found = module.build_id[0];
    }
    return found;
}

TEST(test_place_and_generation_always_name_what_was_met_last) {
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        known[i].page = random_below(&seed, 12);
        known[i].pages = 1 + random_below(&seed, 5);
        known[i].build_id = (char)('A' + i);
    }
    for (int round = 0; round < 3000; round++) {
        size_t i = random_below(&seed, sizeof known / sizeof *known);
        size_t page = known[i].page + random_below(&seed, known[i].pages);
        meet(load(known[i].page, known[i].pages, "/lib/lib.so", known[i].build_id));
        uint32_t generation = sp_modules_generation(address_in(page));
        assert_int_equal(find_by_frame(address_in(page), generation), known[i].build_id);
    }
    assert_int_equal(count(), sizeof known / sizeof *known);
}

/* ---- Paths ---- */

TEST(test_the_program_has_its_path_though_the_loader_names_it_not) {
    char path[PAGE] = "";
    assert_true(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
    sp_modules_prepare();
    sp_modules_prepare();
    meet(load(0, 2, "", 'p'));
    meet(load(0, 2, "", 'p'));
    assert_int_equal(count(), 1);
    assert_path(0, path);
}

TEST(test_a_relative_path_is_made_absolute_where_it_was_met) {
    char folder[] = "/tmp/spprof-modules-XXXXXX", expected[PAGE];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    meet(load(0, 2, "./lib/liba.so", 'a'));
    meet(load(2, 2, "lib/libb.so", 'b'));
    assert_int_equal(chdir("/"), 0);
    meet(load(0, 2, "./lib/liba.so", 'a'));
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(count(), 2);
    snprintf(expected, sizeof expected, "%s/./lib/liba.so", folder);
    assert_path(0, expected);
    snprintf(expected, sizeof expected, "%s/lib/libb.so", folder);
    assert_path(1, expected);
}

TEST(test_a_name_that_is_no_path_stays_as_it_is) {
    meet(load(0, 2, "linux-vdso.so.1", 0));
    assert_path(0, "linux-vdso.so.1");
}

TEST(test_a_relative_path_in_a_folder_that_is_gone_stays_as_it_is) {
    char folder[] = "/tmp/spprof-modules-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(rmdir(folder), 0);
    meet(load(0, 2, "./lib/liba.so", 'a'));
    assert_path(0, "./lib/liba.so");
}

TEST(test_a_long_path_is_kept_whole) {
    static char path[40000];
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    meet(load(0, 2, path, 'a'));
    assert_path(0, path);
    path[0] = '.';
    path[1] = '/';
    meet(load(2, 2, path, 'a'));
    size_t length = strlen(module_at(1).path);
    assert_string_equal(module_at(1).path + length - strlen(path), path);
    assert_true(length > strlen(path));
}

/* ---- Stack switching ---- */

TEST(test_greenlet_is_known_by_the_name_of_its_library) {
    static const char *const others[] = {"/lib/greenlet.so", "/_greenlet.d/liba.so", "/lib/x_greenlet.so", "_greenlet"};
    for (size_t i = 0; i < 4; i++) meet(load(i, 1, others[i], 0));
    for (size_t i = 0; i < 4; i++) assert_false(sp_modules_switches_stacks(address_in(i)));
    meet(load(10, 2, "/env/greenlet/_greenlet.cpython-311-x86_64-linux-gnu.so", 'g'));
    assert_true(sp_modules_switches_stacks(address_in(10)));
    assert_true(sp_modules_switches_stacks(address_in(11)));
    assert_false(sp_modules_switches_stacks(address_in(12)));
    for (size_t i = 0; i < 4; i++) assert_false(sp_modules_switches_stacks(address_in(i)));
    meet(load(10, 2, "/lib/liba.so", 'a')); /* replaces greenlet */
    assert_false(sp_modules_switches_stacks(address_in(10)));
}

/* ---- Memory shortages and threads ---- */

/* Return an object that is too small to be searched for a build id. */
static sp_object small_object(uintptr_t n) {
    uintptr_t start = UINT64_C(0x500000000000) + n * PAGE;
    return (sp_object){.start = start, .end = start + 16, .path = "/lib/lib.so"};
}

/* Return another object of the same size, loaded where the n-th one was. */
static sp_object other_at(uintptr_t n) {
    sp_object other = small_object(n);
    other.path = "/other.so";
    return other;
}

TEST(test_an_object_that_finds_no_room_has_no_other_objects_name) {
#if defined(__SANITIZE_THREAD__)
    return; /* for the same reason as below */
#endif
    sp_modules_prepare();
    for (uintptr_t n = 0; n < SP_MODULES_MAX; n++) meet(small_object(n));
    uintptr_t address = small_object(7).start + 1;
    assert_int_equal(sp_modules_generation(address), 0);
    meet(other_at(7));
    assert_true(sp_modules_reused());
    assert_int_equal(sp_modules_generation(address), SP_MODULES_UNKNOWN);
    assert_int_equal(sp_modules_generation(small_object(8).start + 1), 0);
    meet(small_object(7)); /* loaded again */
    assert_int_equal(sp_modules_generation(address), 0);
}

TEST(test_a_full_list_takes_no_more_and_keeps_what_it_has) {
#if defined(__SANITIZE_THREAD__)
    return; /* this test is single-threaded, and takes minutes there; `make sanitize` reports that it is left out */
#endif
    for (uintptr_t n = 0; n < SP_MODULES_MAX; n++) meet(small_object(n));
    assert_int_equal(count(), SP_MODULES_MAX);
    size_t mapped = sp_memory_mapped();
    for (uintptr_t n = SP_MODULES_MAX; n < SP_MODULES_MAX + 5000; n++) meet(small_object(n));
    assert_int_equal(sp_memory_mapped(), mapped);
    assert_int_equal(count(), SP_MODULES_MAX);
    assert_int_equal(module_at(0).start, small_object(0).start);
    assert_int_equal(module_at(SP_MODULES_MAX - 1).start, small_object(SP_MODULES_MAX - 1).start);
}

TEST(test_without_memory_an_object_is_met_later) {
    uint64_t before = sp_options.engine_bytes_max;
    sp_options.engine_bytes_max = 0;
    meet(load(0, 2, "/lib/liba.so", 'a'));
    assert_int_equal(count(), 0);
    sp_options.engine_bytes_max = before;
    meet(load(0, 2, "/lib/liba.so", 'a'));
    assert_int_equal(count(), 1);
}

#define THREADS 8
#define OBJECTS 200

static void meet_all(unsigned thread, void *argument) {
    (void)argument;
    for (uintptr_t n = 0; n < OBJECTS; n++) {
        uintptr_t mine = thread % 2 ? n : OBJECTS - 1 - n;
        meet(small_object(mine));
        CHECK(sp_modules_generation(small_object(mine).start) == 0);
    }
}

TEST(test_threads_that_meet_the_same_objects_agree_on_their_generations) {
    run_threads(THREADS, meet_all, NULL);
    assert_in_range(count(), OBJECTS, OBJECTS * THREADS);
    assert_false(sp_modules_reused());
    bool seen[OBJECTS] = {false};
    for (uint32_t i = 0; i < count(); i++) {
        assert_int_equal(module_at(i).generation, 0);
        seen[(module_at(i).start - small_object(0).start) / PAGE] = true;
    }
    for (int n = 0; n < OBJECTS; n++) assert_true(seen[n]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_object_is_kept_with_all_that_identifies_it),
        cmocka_unit_test(test_nothing_is_known_before_an_object_was_met),
        cmocka_unit_test(test_an_object_met_again_is_listed_once),
        cmocka_unit_test(test_objects_side_by_side_are_generations_of_their_own_places),
        cmocka_unit_test(test_another_object_at_the_place_is_the_next_generation),
        cmocka_unit_test(test_an_object_is_another_by_path_build_id_range_or_base),
        cmocka_unit_test(test_an_object_that_comes_back_is_the_generation_that_it_was),
        cmocka_unit_test(test_objects_that_share_a_page_are_different_generations),
        cmocka_unit_test(test_place_and_generation_always_name_what_was_met_last),
        cmocka_unit_test(test_the_program_has_its_path_though_the_loader_names_it_not),
        cmocka_unit_test(test_a_relative_path_is_made_absolute_where_it_was_met),
        cmocka_unit_test(test_a_name_that_is_no_path_stays_as_it_is),
        cmocka_unit_test(test_a_relative_path_in_a_folder_that_is_gone_stays_as_it_is),
        cmocka_unit_test(test_a_long_path_is_kept_whole),
        cmocka_unit_test(test_greenlet_is_known_by_the_name_of_its_library),
        cmocka_unit_test(test_an_object_that_finds_no_room_has_no_other_objects_name),
        cmocka_unit_test(test_a_full_list_takes_no_more_and_keeps_what_it_has),
        cmocka_unit_test(test_without_memory_an_object_is_met_later),
        cmocka_unit_test(test_threads_that_meet_the_same_objects_agree_on_their_generations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
