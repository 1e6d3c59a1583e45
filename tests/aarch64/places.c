#include "places.h"

#include "tap.h"

#include <string.h>

static bool is_in(const place *place, uintptr_t address) {
    return address - 1 >= place->start && address - 1 < place->end;
}

static void print_stack(const char *title, const stack *taken) {
    fprintf(stderr, "%s: %zu frames%s%s\n", title, taken->count, taken->depth_limited ? ", depth-limited" : "",
            taken->truncated ? ", truncated" : "");
    for (size_t i = 0; i < taken->count && i < 64; i++)
        fprintf(stderr, "  %zu: %#zx, to %#zx\n", i, taken->addresses[i], taken->ends[i]);
}

size_t stack_find(const stack *taken, size_t from, const place *place) {
    while (from < taken->count && !is_in(place, taken->addresses[from])) from++;
    return from;
}

static __attribute__((noreturn)) void fail_at(const stack *taken, size_t frame, const place *expected, size_t count) {
    print_stack("taken", taken);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "  expected: %s, %#zx … %#zx\n", expected[i].name, expected[i].start, expected[i].end);
    fprintf(stderr, "wrong frame: %zu\n", frame);
    exit(EXIT_FAILURE);
}

size_t check_frames(const stack *taken, const place *expected, size_t count) {
    size_t first = stack_find(taken, 0, &expected[0]);
    for (size_t i = 0; i < count; i++)
        if (first + i >= taken->count || !is_in(&expected[i], taken->addresses[first + i]))
            fail_at(taken, first + i, expected, count);
    return first + count;
}

void check_as_libgcc(const stack *taken, const stack *by_libgcc, const place *place) {
    size_t ours = stack_find(taken, 0, place) + 1, theirs = stack_find(by_libgcc, 0, place) + 1;
    size_t count = taken->count - ours;
    bool same = ours < taken->count && count == by_libgcc->count - theirs &&
                memcmp(&taken->addresses[ours], &by_libgcc->addresses[theirs], count * sizeof *taken->addresses) == 0;
    if (same) return;
    print_stack("taken", taken);
    print_stack("by libgcc", by_libgcc);
    fprintf(stderr, "they differ after %s\n", place->name);
    exit(EXIT_FAILURE);
}

void check_whole(const stack *taken) {
    bool whole = !taken->depth_limited && !taken->truncated && taken->count > 1;
    for (size_t i = 1; i < taken->count; i++) whole = whole && taken->ends[i] >= taken->ends[i - 1];
    if (whole) return;
    print_stack("not whole", taken);
    exit(EXIT_FAILURE);
}
