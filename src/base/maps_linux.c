#include "maps.h"

#include "memory.h"
#include "proc_file.h"
#include "thread.h"

#include <string.h>

/* This is longer than any line: a path has at most 4096 bytes, each of which may be written as four. */
#define ROOM ((size_t)32 << 10)

/* ---- One line ---- */

/* Read digits in this base and advance past them. */
static uint64_t number(const char **at, unsigned base) {
    uint64_t value = 0;
    for (;; ++*at) {
        char one = **at;
        unsigned digit = one >= '0' && one <= '9'   ? (unsigned)(one - '0')
                         : one >= 'a' && one <= 'f' ? (unsigned)(one - 'a') + 10
                                                    : base;
        if (digit >= base) return value;
        value = value * base + digit;
    }
}

static bool skip(const char **at, char expected) {
    if (**at != expected) return false;
    ++*at;
    return true;
}

/* "7f12a000-7f12b000 rw-s 00000000 00:01 1025      /dev/shm/x" */
static bool read_head(const char *line, sp_map *map) {
    *map = (sp_map){.start = (uintptr_t)number(&line, 16)};
    if (!skip(&line, '-')) return false;
    map->end = (uintptr_t)number(&line, 16);
    if (!skip(&line, ' ') || strlen(line) < 5) return false;
    map->is_writable = line[1] == 'w';
    map->is_executable = line[2] == 'x';
    map->is_shared = line[3] == 's';
    line += 5;
    number(&line, 16); /* offset */
    skip(&line, ' ');
    number(&line, 16); /* device */
    if (skip(&line, ':')) number(&line, 16);
    skip(&line, ' ');
    map->inode = number(&line, 10);
    map->path = line + strspn(line, " ");
    return map->end > map->start;
}

/* "Shared_Dirty:         12 kB" */
static void read_measure(const char *line, sp_map *map) {
    static const struct {
        const char *name;
        bool resident, common, swapped;
    } fields[] = {
        {"Rss:", true, false, false},  {"Shared_Clean:", false, true, false},  {"Shared_Dirty:", false, true, false},
        {"Swap:", false, false, true}, {"Shared_Hugetlb:", true, true, false}, {"Private_Hugetlb:", true, false, false},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        size_t length = strlen(fields[i].name);
        if (strncmp(line, fields[i].name, length) != 0) continue;
        line += length + strspn(line + length, " ");
        uint64_t bytes = number(&line, 10) << 10;
        if (fields[i].resident) map->resident += bytes;
        if (fields[i].common) map->common += bytes;
        if (fields[i].swapped) map->swapped += bytes;
        return;
    }
}

/* ---- Lines ---- */

typedef struct reading {
    int file;
    char *text; /* ROOM bytes */
    size_t begin, end;
    bool is_broken; /* after a read error, or a line that is too long */
} reading;

static bool read_more(reading *of) {
    memmove(of->text, of->text + of->begin, of->end - of->begin);
    of->end -= of->begin;
    of->begin = 0;
    sp_thread_rest(); /* the kernel fills one page at a time, and holds the list's lock while it does */
    int64_t got = of->end < ROOM ? sp_proc_read(of->file, of->text + of->end, ROOM - of->end) : -1;
    of->is_broken = got < 0;
    if (got > 0) of->end += (size_t)got;
    return got > 0;
}

/* Return the next line, terminated and valid until the next call; NULL if there is none. */
static char *next_line(reading *of) {
    for (;;) {
        char *line = of->text + of->begin, *end = memchr(line, '\n', of->end - of->begin);
        if (end) {
            *end = '\0';
            of->begin = (size_t)(end + 1 - of->text);
            return line;
        }
        if (!read_more(of)) return NULL;
    }
}

/* Return whether the line is an entry's own, not one about its pages: "Rss: 4 kB" begins with a capital letter. */
static bool is_head(const char *line) {
    return (*line >= '0' && *line <= '9') || (*line >= 'a' && *line <= 'f');
}

/* ---- Entries ---- */

/* `path` keeps the path in the entry's own line while the lines about its pages are read. */
static bool visit_all(reading *of, bool measured, char *path, sp_map_visitor *visit, void *data) {
    sp_map map;
    bool is_open = false, is_empty = true;
    for (char *line; (line = next_line(of)) != NULL;) {
        if (!is_head(line)) {
            if (is_open) read_measure(line, &map);
            continue;
        }
        if (is_open && !visit(&map, data)) return true;
        is_open = read_head(line, &map);
        is_empty &= !is_open;
        if (is_open && measured) map.path = strcpy(path, map.path);
        if (!is_open || measured) continue;
        is_open = false;
        if (!visit(&map, data)) return true;
    }
    if (is_open && !of->is_broken) visit(&map, data);
    return !of->is_broken && !is_empty; /* false for an empty list: every process has mappings */
}

bool sp_maps_each(bool measured, sp_map_visitor *visit, void *data) {
    int file = sp_proc_open(measured ? "smaps" : "maps");
    if (file < 0) return false;
    char *room = sp_memory_map(2 * ROOM);
    reading of = {.file = file, .text = room};
    bool whole = room && visit_all(&of, measured, room + ROOM, visit, data);
    if (room) sp_memory_unmap(room, 2 * ROOM);
    sp_proc_close(file);
    return whole;
}

bool sp_maps_each_file(sp_map_visitor *visit, void *data) {
    return sp_maps_each(false, visit, data);
}

bool sp_maps_read_text(bool measured, sp_maps_text_visitor *visit, void *data) {
    const size_t room = (size_t)8 << 10;
    int file = sp_proc_open(measured ? "smaps" : "maps");
    if (file < 0) return false;
    char *text = sp_memory_map(room);
    int64_t got = text ? 1 : -1;
    while (got > 0) {
        sp_thread_rest();
        got = sp_proc_read(file, text, room);
        if (got > 0 && !visit(text, (size_t)got, data)) got = -1;
    }
    if (text) sp_memory_unmap(text, room);
    sp_proc_close(file);
    return got == 0;
}
