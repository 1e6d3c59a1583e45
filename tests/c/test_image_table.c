/* The table of loaded objects, filled with objects that are made here: what is found, what is gone, what returns. */
#include "image_table.h"
#include "loaded_macho.h"

#include <stdatomic.h>

static sp_object object;

static bool find(const uint8_t *loaded, size_t at) {
    return sp_image_table_find((uintptr_t)loaded + at, &object);
}

TEST(test_an_object_is_its_text) {
    uint8_t *loaded = load_macho(1);
    assert_false(find(loaded, 0));
    sp_image_table_add(loaded, "/usr/lib/liba.dylib");
    assert_true(find(loaded, 0));
    assert_true(find(loaded, TEXT_SIZE - 1));
    assert_int_equal(object.start, (uintptr_t)loaded);
    assert_int_equal(object.end, (uintptr_t)loaded + TEXT_SIZE);
    assert_int_equal(object.base, (uintptr_t)loaded - TEXT_ADDRESS);
    assert_string_equal(object.path, "/usr/lib/liba.dylib");
    assert_ptr_equal(object.compact, loaded + UNWIND_AT);
    assert_ptr_equal(object.compact_end, loaded + UNWIND_AT + 0x1000);
    assert_ptr_equal(object.eh_start, loaded + EH_AT);
    assert_ptr_equal(object.eh_end, loaded + EH_AT + 0x1000);
    assert_null(object.eh_header);
    assert_false(find(loaded, TEXT_SIZE));
    assert_false(find(loaded, LINKEDIT_AT));
    assert_false(find(loaded, (size_t)-1));
}

TEST(test_a_path_is_copied) {
    char path[] = "/tmp/one";
    uint8_t *loaded = load_macho(1);
    sp_image_table_add(loaded, path);
    path[5] = 'X';
    assert_true(find(loaded, 0));
    assert_string_equal(object.path, "/tmp/one");
}

TEST(test_a_removed_object_is_not_found_and_may_return) {
    uint8_t *loaded = load_macho(1), *other = load_macho(2);
    sp_image_table_add(loaded, "/a");
    sp_image_table_add(other, "/b");
    assert_true(find(loaded, 0));
    const char *path = object.path;
    assert_true(sp_image_table_remove(loaded));
    assert_false(sp_image_table_remove(loaded));
    assert_false(find(loaded, 0));
    assert_true(find(other, 0));
    sp_image_table_add(loaded, "/a");
    assert_true(find(loaded, 0));
    assert_ptr_equal(object.path, path); /* the old record */
}

TEST(test_another_object_at_the_same_place_is_a_new_one) {
    uint8_t *loaded = load_macho(1);
    sp_image_table_add(loaded, "/a");
    assert_true(sp_image_table_remove(loaded));
    uint8_t *next = load_macho(2);
    memcpy(loaded, next, TEXT_SIZE);
    sp_image_table_add(loaded, "/a");
    uint8_t uuid[SP_BUILD_ID_MAX] = {2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4};
    assert_true(sp_image_table_find_uuid(uuid, 16, &object));
    assert_int_equal(object.start, (uintptr_t)loaded);
    uuid[0] = 1;
    assert_false(sp_image_table_find_uuid(uuid, 16, &object));
    assert_false(sp_image_table_find_uuid(uuid, 0, &object));
}

TEST(test_an_object_reported_twice_is_listed_once) {
    uint8_t *loaded = load_macho(1);
    sp_image_table_add(loaded, "/a");
    sp_image_table_add(loaded, "/a");
    assert_true(sp_image_table_remove(loaded));
    assert_false(find(loaded, 0));
}

TEST(test_what_is_no_object_is_not_listed) {
    uint8_t *loaded = load_macho(1);
    loaded[0] ^= 1;
    sp_image_table_add(loaded, "/a");
    assert_false(find(loaded, 0));
}

TEST(test_more_objects_than_there_is_room_for) {
    static uint8_t *loaded[SP_IMAGES_MAX + 1];
    for (size_t i = 0; i <= SP_IMAGES_MAX; i++) {
        loaded[i] = mmap(NULL, TEXT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(loaded[i], MAP_FAILED);
        if (i == 0) memcpy(loaded[0], load_macho(1), CODE_AT);
        memcpy(loaded[i], loaded[0], CODE_AT);
        sp_image_table_add(loaded[i], "/a");
    }
    assert_true(find(loaded[SP_IMAGES_MAX - 1], 0));
    assert_false(find(loaded[SP_IMAGES_MAX], 0));
    assert_true(sp_image_table_remove(loaded[7]));
    uint8_t *last = load_macho(2);
    sp_image_table_add(last, "/b");
    assert_true(find(last, 0));
}

/* ---- Threads ---- */

enum { ROUNDS = 20000 };
static uint8_t *stays, *moves[3];
static _Atomic bool done;

/* Thread 0 loads and unloads; the others always find the object that stays, and never a wrong one. */
static void load_or_find(unsigned index, void *argument) {
    (void)argument;
    for (int i = 0; index == 0 && i < ROUNDS; i++) {
        sp_image_table_add(moves[i % 3], "/moves");
        sp_image_table_remove(moves[(i + 2) % 3]);
    }
    if (index == 0) atomic_store(&done, true);
    while (!atomic_load(&done)) {
        sp_object found;
        CHECK(sp_image_table_find((uintptr_t)stays + 5, &found) && found.start == (uintptr_t)stays);
        uintptr_t pc = (uintptr_t)moves[index % 3] + CODE_AT;
        if (sp_image_table_find(pc, &found)) CHECK(pc >= found.start && pc < found.end && found.path[1] == 'm');
    }
}

TEST(test_readers_see_whole_objects) {
    for (int i = 0; i < 3; i++) moves[i] = load_macho((uint8_t)(i + 1));
    sp_image_table_add(moves[0], "/moves");
    stays = load_macho(9);
    sp_image_table_add(stays, "/stays");
    run_threads(4, load_or_find, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_object_is_its_text),
        cmocka_unit_test(test_a_path_is_copied),
        cmocka_unit_test(test_a_removed_object_is_not_found_and_may_return),
        cmocka_unit_test(test_another_object_at_the_same_place_is_a_new_one),
        cmocka_unit_test(test_an_object_reported_twice_is_listed_once),
        cmocka_unit_test(test_what_is_no_object_is_not_listed),
        cmocka_unit_test(test_more_objects_than_there_is_room_for),
        cmocka_unit_test(test_readers_see_whole_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
