/* Finding the loaded object that contains an address: by asking the loader, and through a table as with glibc before
 * 2.35.
 */
#include "objects.h"

#include "options.h"
#include "support.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

static uint64_t seed;

static bool find_by_table(uintptr_t pc, sp_object *object) {
    sp_objects_prepare(false);
    assert_false(sp_objects_find_is_direct());
    return sp_objects_find(pc, object);
}

/* Return false if the loader provides no direct lookup. */
static bool can_find_directly(void) {
    sp_objects_prepare(true);
    return sp_objects_find_is_direct();
}

/* ---- Every loaded object ---- */

typedef void visitor(const struct dl_phdr_info *info);

static int visit(struct dl_phdr_info *info, size_t size, void *visitor_address) {
    (void)size;
    struct dl_phdr_info copy = *info;
    (*(visitor **)visitor_address)(&copy);
    return 0;
}

static void visit_objects(visitor *visitor) {
    assert_true(dl_iterate_phdr(visit, &visitor) == 0);
}

static uintptr_t start_of(const struct dl_phdr_info *info) {
    uintptr_t start = UINTPTR_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t address = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && address < start) start = address & ~(uintptr_t)(PAGE - 1);
    }
    return start;
}

static uintptr_t end_of(const struct dl_phdr_info *info) {
    uintptr_t end = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t address = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && address > end) end = address;
    }
    return end;
}

static const uint8_t *eh_header_of(const struct dl_phdr_info *info) {
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
            return (const uint8_t *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    return NULL;
}

static size_t visited;

static void check_found(const struct dl_phdr_info *info, uintptr_t pc) {
    sp_object object;
    CHECK(sp_objects_find(pc, &object));
    CHECK(object.start == start_of(info) && object.end >= end_of(info) && object.end < end_of(info) + PAGE);
    CHECK(object.base == info->dlpi_addr);
    CHECK(strcmp(object.path, info->dlpi_name) == 0);
    CHECK(object.eh_header == eh_header_of(info));
    CHECK(object.eh_start <= object.eh_header && object.eh_header < object.eh_end);
    CHECK((uintptr_t)object.eh_start >= object.start && (uintptr_t)object.eh_end <= object.end);
}

/* The addresses before and after an object belong to another object or to none. */
static void check_neighbours(const struct dl_phdr_info *info) {
    sp_object object, other;
    CHECK(sp_objects_find(start_of(info), &object));
    CHECK(!sp_objects_find(object.start - 1, &other) || other.end == object.start);
    CHECK(!sp_objects_find(object.end, &other) || other.start == object.end);
}

static void check_object(const struct dl_phdr_info *info) {
    uintptr_t start = start_of(info), end = end_of(info);
    check_neighbours(info);
    check_found(info, start);
    check_found(info, end - 1);
    for (int i = 0; i < 1000; i++) check_found(info, start + random_below(&seed, end - start));
    visited++;
}

TEST(test_every_address_of_every_object_is_found_directly) {
    if (!can_find_directly()) skip();
    visit_objects(check_object);
    assert_true(visited >= 4); /* the program, the vDSO, libc, the loader */
}

TEST(test_every_address_of_every_object_is_found_by_the_table) {
    sp_objects_prepare(false);
    visit_objects(check_object);
    assert_true(visited >= 4);
}

static void check_outside(void) {
    sp_object object;
    void *heap = malloc(100), *mapped = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const uintptr_t outside[] = {0,
                                 1,
                                 (uintptr_t)heap,
                                 (uintptr_t)mapped,
                                 (uintptr_t)&object,
                                 (uintptr_t)1 << 47,
                                 (uintptr_t)1 << 63,
                                 UINTPTR_MAX - 4095,
                                 UINTPTR_MAX};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) assert_false(sp_objects_find(outside[i], &object));
    for (int i = 0; i < 100000; i++) assert_false(sp_objects_find(next_random(&seed), &object));
    free(heap);
}

TEST(test_what_lies_in_no_object_is_not_found) {
    sp_objects_prepare(true);
    check_outside();
    sp_objects_prepare(false);
    check_outside();
}

/* ---- Build ids ---- */

static void read_expected(const char *path, char *text, size_t capacity) {
    char command[8192];
    snprintf(command, sizeof command, "readelf -n '%s' 2>/dev/null | sed -n 's/.*Build ID: //p'", path);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    if (!fgets(text, (int)capacity, output)) text[0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    assert_int_equal(pclose(output), 0);
}

static void write_hexadecimal(const uint8_t *bytes, size_t length, char *text) {
    text[0] = '\0';
    for (size_t i = 0; i < length; i++) snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

static struct {
    uintptr_t inside;
    char path[PAGE];
} files[64];
static size_t file_count;

static void list_file(const struct dl_phdr_info *info) {
    const char *path = info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe";
    if (path[0] != '/' || file_count == sizeof files / sizeof *files) return;
    files[file_count].inside = start_of(info);
    if (realpath(path, files[file_count].path)) file_count++;
}

TEST(test_build_ids_are_those_of_the_files) {
    size_t with_build_id = 0;
    sp_objects_prepare(true);
    visit_objects(list_file);
    for (size_t i = 0; i < file_count; i++) {
        char expected[256], found[2 * SP_BUILD_ID_MAX + 1];
        uint8_t build_id[SP_BUILD_ID_MAX];
        sp_object object;
        read_expected(files[i].path, expected, sizeof expected);
        assert_true(sp_objects_find(files[i].inside, &object));
        write_hexadecimal(build_id, sp_objects_read_build_id(&object, build_id), found);
        assert_string_equal(found, expected);
        with_build_id += found[0] != '\0';
    }
    assert_true(with_build_id > 0);
}

/* A one-page object with headers that the test chooses. */
typedef struct image {
    ElfW(Ehdr) header;
    ElfW(Phdr) segments[64];
    uint8_t notes[400];
} image;

static union {
    image image;
    uint8_t page[2 * PAGE];
} memory __attribute__((aligned(PAGE)));

static sp_object make_object(void) {
    memset(&memory, 0, sizeof memory);
    memcpy(memory.image.header.e_ident, ELFMAG, SELFMAG);
    memory.image.header.e_phoff = offsetof(image, segments);
    memory.image.header.e_phnum = 3;
    memory.image.segments[1] =
        (ElfW(Phdr)){.p_type = PT_NOTE, .p_vaddr = offsetof(image, notes), .p_filesz = sizeof memory.image.notes};
    uintptr_t start = (uintptr_t)&memory;
    return (sp_object){.start = start, .end = start + sizeof memory, .base = start, .path = ""};
}

static size_t put_note(size_t at, uint32_t type, const char *name, uint32_t name_bytes, uint32_t content_bytes) {
    const ElfW(Nhdr) note = {.n_type = type, .n_namesz = name_bytes, .n_descsz = content_bytes};
    memcpy(memory.image.notes + at, &note, sizeof note);
    memcpy(memory.image.notes + at + sizeof note, name, name_bytes);
    size_t content = at + sizeof note + ((name_bytes + 3) & ~3u);
    memset(memory.image.notes + content, 0xAB, content_bytes);
    return content + ((content_bytes + 3) & ~3u);
}

static size_t build_id_length(const sp_object *object) {
    uint8_t build_id[SP_BUILD_ID_MAX + 1];
    memset(build_id, 0xCD, sizeof build_id);
    size_t length = sp_objects_read_build_id(object, build_id);
    for (size_t i = 0; i < sizeof build_id; i++) assert_int_equal(build_id[i], i < length ? 0xAB : 0xCD);
    return length;
}

TEST(test_a_build_id_is_found_among_other_notes) {
    sp_object object = make_object();
    size_t at = put_note(0, NT_GNU_ABI_TAG, "GNU", 4, 16);
    at = put_note(at, NT_GNU_BUILD_ID, "Go\0", 3, 8);
    at = put_note(at, NT_GNU_BUILD_ID, "GNUX", 4, 8);
    at = put_note(at, NT_GNU_BUILD_ID, "GNU\0", 5, 8);
    at = put_note(at, 99, "", 0, 0);
    assert_int_equal(build_id_length(&object), 0);
    put_note(at, NT_GNU_BUILD_ID, "GNU", 4, 20);
    assert_int_equal(build_id_length(&object), 20);
    memory.image.segments[1].p_type = PT_LOAD;
    assert_int_equal(build_id_length(&object), 0);
    memory.image.segments[2] = memory.image.segments[1];
    memory.image.segments[2].p_type = PT_NOTE;
    assert_int_equal(build_id_length(&object), 20);
}

TEST(test_build_ids_of_any_length_are_read_up_to_the_most) {
    for (uint32_t length = 1; length < 60; length++) {
        sp_object object = make_object();
        put_note(0, NT_GNU_BUILD_ID, "GNU", 4, length);
        assert_int_equal(build_id_length(&object), length < SP_BUILD_ID_MAX ? length : SP_BUILD_ID_MAX);
    }
}

TEST(test_notes_that_reach_beyond_their_end_are_not_read) {
    static const uint32_t sizes[] = {UINT32_MAX, UINT32_MAX - 3, INT32_MAX, 400, 385, 1u << 31};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        sp_object object = make_object();
        ElfW(Nhdr) *note = (ElfW(Nhdr) *)memory.image.notes;
        put_note(0, NT_GNU_BUILD_ID, "GNU", 4, 20);
        note->n_descsz = sizes[i];
        assert_int_equal(build_id_length(&object), 0);
        note->n_descsz = 20;
        note->n_namesz = sizes[i];
        assert_int_equal(build_id_length(&object), 0);
    }
}

TEST(test_headers_that_lie_are_not_followed) {
    sp_object object = make_object();
    put_note(0, NT_GNU_BUILD_ID, "GNU", 4, 20);
    const image good = memory.image;
#define BROKEN(change)                                                                                                 \
    memory.image = good;                                                                                               \
    change;                                                                                                            \
    assert_int_equal(build_id_length(&object), 0);
    BROKEN(memory.image.header.e_ident[0] = 0)
    BROKEN(memory.image.header.e_phnum = UINT16_MAX)
    BROKEN(memory.image.header.e_phnum = 0)
    BROKEN(memory.image.header.e_phoff = UINT64_MAX)
    BROKEN(memory.image.header.e_phoff = UINT64_C(1) << 40)
    BROKEN(memory.image.header.e_phoff = PAGE - 100)
    BROKEN(memory.image.segments[1].p_vaddr = UINT64_MAX)
    BROKEN(memory.image.segments[1].p_vaddr = sizeof memory)
    BROKEN(memory.image.segments[1].p_vaddr = (uint64_t)-PAGE)
    BROKEN(memory.image.segments[1].p_filesz = UINT64_MAX)
    BROKEN(memory.image.segments[1].p_filesz = sizeof memory)
    BROKEN(memory.image.segments[1].p_filesz = 11)
#undef BROKEN
    memory.image = good;
    assert_int_equal(build_id_length(&object), 20);
    object.end = object.start + PAGE - 1; /* less than the page from which headers are read */
    assert_int_equal(build_id_length(&object), 0);
}

/* ---- Objects that come and go ---- */

static void *load(const char *path) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) fprintf(stderr, "%s\n", dlerror());
    assert_non_null(handle);
    return handle;
}

static uintptr_t function_in(void *handle) {
    uintptr_t address = (uintptr_t)dlsym(handle, "specimen_allocate");
    assert_true(address != 0);
    return address;
}

static bool is_specimen(uintptr_t address) {
    sp_object object;
    return sp_objects_find(address, &object) && strcmp(object.path, SPECIMEN_LIBRARY) == 0;
}

TEST(test_the_table_knows_what_the_last_look_saw) {
    sp_objects_prepare(false);
    void *handle = load(SPECIMEN_LIBRARY);
    uintptr_t address = function_in(handle);
    assert_false(is_specimen(address));
    sp_objects_refresh();
    assert_true(is_specimen(address));
    visit_objects(check_object);
    assert_int_equal(dlclose(handle), 0);
    sp_objects_refresh();
    assert_false(is_specimen(address));
    visit_objects(check_object);
}

TEST(test_the_direct_way_knows_at_once) {
    if (!can_find_directly()) skip();
    void *handle = load(SPECIMEN_LIBRARY);
    uintptr_t address = function_in(handle);
    assert_true(is_specimen(address));
    assert_int_equal(dlclose(handle), 0);
    assert_false(is_specimen(address));
}

TEST(test_every_unloading_is_counted) {
    uint64_t before = sp_objects_unloaded();
    for (uint64_t i = 1; i <= 3; i++) {
        void *handle = load(SPECIMEN_LIBRARY);
        assert_int_equal(sp_objects_unloaded(), before + i - 1);
        assert_int_equal(dlclose(handle), 0);
        assert_int_equal(sp_objects_unloaded(), before + i);
    }
}

#define COPIES 60

static char folder[] = "/tmp/spprof-objects-XXXXXX";

static void copy_library(char *path, size_t capacity, int number) {
    char command[3 * PAGE];
    snprintf(path, capacity, "%s/%d.so", folder, number);
    snprintf(command, sizeof command, "cp '%s' '%s'", SPECIMEN_LIBRARY, path);
    assert_int_equal(system(command), 0);
}

TEST(test_the_table_grows) {
    assert_non_null(mkdtemp(folder));
    sp_objects_prepare(false);
    uintptr_t addresses[COPIES];
    char path[PAGE];
    for (int i = 0; i < COPIES; i++) {
        copy_library(path, sizeof path, i);
        addresses[i] = function_in(load(path));
        unlink(path);
        if (i % 7 == 0) sp_objects_refresh();
    }
    rmdir(folder);
    sp_objects_refresh();
    visit_objects(check_object);
    assert_true(visited >= COPIES + 4);
    sp_object object;
    for (int i = 0; i < COPIES; i++) assert_true(sp_objects_find(addresses[i], &object));
}

TEST(test_without_memory_the_table_is_empty_and_later_it_is_not) {
    sp_object object;
    uint64_t limit = sp_options.engine_bytes_max;
    sp_options.engine_bytes_max = 0;
    assert_false(find_by_table((uintptr_t)&malloc, &object));
    sp_options.engine_bytes_max = limit;
    assert_true(find_by_table((uintptr_t)&malloc, &object));
}

/* ---- Threads ---- */

#define READERS 3
#define REFRESHES 20000
static _Atomic bool enough;
static sp_object expected; /* an object that stays loaded */
static void look_all_the_time(void) {
    sp_object object;
    while (!enough) {
        if (!sp_objects_find((uintptr_t)&qsort, &object)) continue; /* the table is being written */
        CHECK(memcmp(&object, &expected, sizeof object) == 0);
    }
    CHECK(sp_objects_find((uintptr_t)&qsort, &object));
    CHECK(memcmp(&object, &expected, sizeof object) == 0);
}

static void refresh_often(void) {
    for (int i = 0; i < REFRESHES; i++) {
        void *handle = i % 200 ? NULL : dlopen(SPECIMEN_LIBRARY, RTLD_NOW);
        sp_objects_refresh();
        if (handle) CHECK(dlclose(handle) == 0);
    }
    enough = true;
}

static void look_or_refresh(unsigned thread, void *argument) {
    (void)argument;
    if (thread < READERS)
        look_all_the_time();
    else
        refresh_often();
}

TEST(test_a_reader_never_sees_half_an_object) {
    assert_true(find_by_table((uintptr_t)&qsort, &expected));
    run_threads(READERS + 1, look_or_refresh, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_address_of_every_object_is_found_directly),
        cmocka_unit_test(test_every_address_of_every_object_is_found_by_the_table),
        cmocka_unit_test(test_what_lies_in_no_object_is_not_found),
        cmocka_unit_test(test_build_ids_are_those_of_the_files),
        cmocka_unit_test(test_a_build_id_is_found_among_other_notes),
        cmocka_unit_test(test_build_ids_of_any_length_are_read_up_to_the_most),
        cmocka_unit_test(test_notes_that_reach_beyond_their_end_are_not_read),
        cmocka_unit_test(test_headers_that_lie_are_not_followed),
        cmocka_unit_test(test_the_table_knows_what_the_last_look_saw),
        cmocka_unit_test(test_the_direct_way_knows_at_once),
        cmocka_unit_test(test_every_unloading_is_counted),
        cmocka_unit_test(test_the_table_grows),
        cmocka_unit_test(test_without_memory_the_table_is_empty_and_later_it_is_not),
        cmocka_unit_test(test_a_reader_never_sees_half_an_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
