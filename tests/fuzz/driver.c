/* A fuzzing engine for machines without libFuzzer: replays the inputs in the given folders, then mutates them at random
 * and keeps those that reach new code.
 *
 *   driver [-max_total_time=SECONDS] [-runs=N] [-seed=N] [-artifact_prefix=DIR/] FOLDER...
 *
 * The options are libFuzzer's (others are ignored), and so is the last line: "Done N runs in S second(s)". If the
 * target crashes or computes for five seconds, the current input is left in DIR and the exit status is not 0.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX 4096
#define INPUTS_MAX 65536
#define SECONDS_AT_MOST 5
#define CHANGES_AT_MOST 6

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *end);
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

typedef struct input {
    size_t size;
    uint8_t bytes[INPUT_MAX];
} input;

static struct {
    unsigned long seconds, runs, seed;
    const char *artifacts;
} options = {.seconds = ULONG_MAX, .runs = ULONG_MAX, .seed = 1, .artifacts = "./"};

static input *inputs[INPUTS_MAX];
static size_t input_count;
static input current; /* the target's input */
static unsigned long runs;

/* ---- Coverage ---- */

static uint8_t *counters;
static size_t counter_count;
static uint8_t *seen; /* for each counter, a bit for each magnitude seen */

void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *end) {
    counters = start;
    counter_count = (size_t)(end - start);
    seen = calloc(counter_count, 1);
}

static bool forget_and_compare(void) {
    bool found = false;
    for (size_t i = 0; i < counter_count; i++) {
        if (counters[i] == 0) continue;
        uint8_t magnitude = (uint8_t)(1 << (31 - __builtin_clz(counters[i])));
        found |= (seen[i] & magnitude) == 0;
        seen[i] |= magnitude;
        counters[i] = 0;
    }
    return found;
}

/* ---- Crashes ---- */

/* Called by sanitizers and signal handlers. */
static void keep_current(void) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%sinput-after-%lu-runs", options.artifacts, runs);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (file < 0 || write(file, current.bytes, current.size) != (ssize_t)current.size) perror(path);
    dprintf(STDERR_FILENO, "the input is kept in %s\n", path);
}

static void on_crash(int number) {
    keep_current();
    dprintf(STDERR_FILENO, "signal %d\n", number);
    _exit(EXIT_FAILURE);
}

static void on_second(int number) {
    static unsigned long runs_before;
    static int seconds;
    seconds = runs == runs_before ? seconds + 1 : 0;
    runs_before = runs;
    if (seconds < SECONDS_AT_MOST) return;
    dprintf(STDERR_FILENO, "computed for %d seconds\n", seconds);
    on_crash(number);
}

static void watch(void) {
    const struct itimerval second = {.it_interval.tv_sec = 1, .it_value.tv_sec = 1};
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(keep_current);
    else
        signal(SIGSEGV, on_crash);
    signal(SIGABRT, on_crash);
    signal(SIGPROF, on_second);
    setitimer(ITIMER_PROF, &second, NULL);
}

/* ---- Inputs ---- */

/* Returns a copy whose memory, as a sanitizer sees it, ends where the input ends. */
static input *copy_current(void) {
    input *copy = malloc(offsetof(input, bytes) + current.size);
    if (!copy) exit(EXIT_FAILURE);
    copy->size = current.size;
    memcpy(copy->bytes, current.bytes, current.size);
    return copy;
}

static void run_current(void) {
    input *copy = copy_current();
    LLVMFuzzerTestOneInput(copy->bytes, copy->size);
    runs++;
    if (forget_and_compare() && input_count < INPUTS_MAX)
        inputs[input_count++] = copy;
    else
        free(copy);
}

static void run_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return perror(path);
    current.size = fread(current.bytes, 1, sizeof current.bytes, file);
    fclose(file);
    run_current();
}

/* Runs inputs in the order of their names, so that a folder always produces the same runs. */
static void run_folder(const char *folder) {
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) return perror(folder);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') run_file(path);
        free(entries[i]);
    }
    free(entries);
}

/* ---- Changes ---- */

static uint64_t next_random(void) {
    static uint64_t state;
    uint64_t word = state += UINT64_C(0x9E3779B97F4A7C15) * (2 * options.seed + 1);
    word = (word ^ word >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    word = (word ^ word >> 27) * UINT64_C(0x94D049BB133111EB);
    return word ^ word >> 31;
}

static size_t random_below(size_t below) {
    return next_random() % below;
}

static void write_number(void) {
    static const uint64_t numbers[] = {0,   1,     4,     8,         16,         127,       128,       255,
                                       256, 32767, 65535, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX};
    uint64_t number = numbers[random_below(sizeof numbers / sizeof *numbers)];
    size_t width = (size_t)1 << random_below(4), at = random_below(current.size);
    if (random_below(2)) number = -number;
    memcpy(current.bytes + at, &number, width < current.size - at ? width : current.size - at);
}

static void insert_bytes(const uint8_t *from, size_t size) {
    size_t at = random_below(current.size + 1);
    if (size > INPUT_MAX - current.size) return;
    memmove(current.bytes + at + size, current.bytes + at, current.size - at);
    memcpy(current.bytes + at, from, size);
    current.size += size;
}

static void remove_bytes(void) {
    size_t at = random_below(current.size), size = 1 + random_below(current.size - at);
    memmove(current.bytes + at, current.bytes + at + size, current.size - at - size);
    current.size -= size;
}

/* Inserts a part of another input, or overwrites bytes with it. */
static void take_from_another(void) {
    const input *other = inputs[random_below(input_count)];
    if (other->size == 0) return;
    size_t from = random_below(other->size), size = 1 + random_below(other->size - from);
    if (random_below(2)) return insert_bytes(other->bytes + from, size);
    size_t at = random_below(current.size);
    memcpy(current.bytes + at, other->bytes + from, size < current.size - at ? size : current.size - at);
}

static void change_current(void) {
    if (current.size == 0) return insert_bytes((const uint8_t[8]){0}, 8);
    switch (random_below(6)) {
    case 0:
        current.bytes[random_below(current.size)] ^= (uint8_t)(1 << random_below(8));
        return;
    case 1:
        current.bytes[random_below(current.size)] = (uint8_t)next_random();
        return;
    case 2:
        return write_number();
    case 3:
        return insert_bytes((const uint8_t[]){(uint8_t)next_random()}, 1);
    case 4:
        return remove_bytes();
    default:
        return take_from_another();
    }
}

static void run_changed(void) {
    const input *chosen = inputs[random_below(input_count)];
    current.size = chosen->size;
    memcpy(current.bytes, chosen->bytes, chosen->size);
    for (size_t changes = 1 + random_below(CHANGES_AT_MOST); changes > 0; changes--) change_current();
    run_current();
}

/* ---- The program ---- */

static unsigned long seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned long)now.tv_sec;
}

static void read_option(const char *argument) {
    const char *value = strchr(argument, '=');
    if (!value) return;
    size_t length = (size_t)(++value - argument);
    if (strncmp(argument, "-max_total_time=", length) == 0) options.seconds = strtoul(value, NULL, 10);
    if (strncmp(argument, "-runs=", length) == 0) options.runs = strtoul(value, NULL, 10);
    if (strncmp(argument, "-seed=", length) == 0) options.seed = strtoul(value, NULL, 10);
    if (strncmp(argument, "-artifact_prefix=", length) == 0) options.artifacts = value;
}

int main(int count, char **arguments) {
    unsigned long start = seconds_now();
    for (int i = 1; i < count; i++)
        if (arguments[i][0] == '-') read_option(arguments[i]);
    watch();
    for (int i = 1; i < count; i++)
        if (arguments[i][0] != '-') run_folder(arguments[i]);
    if (input_count == 0) run_current(); /* the empty input */
    while (input_count > 0 && runs < options.runs && seconds_now() - start < options.seconds) run_changed();
    printf("Done %lu runs in %lu second(s)\n", runs, seconds_now() - start);
    return EXIT_SUCCESS;
}
