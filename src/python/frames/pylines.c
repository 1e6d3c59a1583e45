#include "pylines.h"

#include <stddef.h>

#define CODE_UNIT_BYTES 2

/* Damaged tables may go beyond the range of an int, so lines are summed modulo 2³². */
static uint32_t step_line(uint32_t line, int step) {
    return line + (uint32_t)step;
}

int sp_pylines_step_after(const spprof_code *code, uint32_t position) {
    uint32_t line = (uint32_t)code->first_line;
    uint64_t address = 0;
    for (size_t i = 0; i + 1 < code->lines_length; i += 2) {
        address += code->lines[i];
        if (address > position) break;
        line = step_line(line, (int8_t)code->lines[i + 1]);
    }
    return (int)line;
}

#define NO_LINE (-128)

int sp_pylines_step_before(const spprof_code *code, uint32_t position) {
    uint32_t line = (uint32_t)code->first_line;
    uint64_t address = (uint64_t)position * CODE_UNIT_BYTES;
    uint64_t end = 0;
    for (size_t i = 0; i + 1 < code->lines_length && end <= address; i += 2) {
        int step = (int8_t)code->lines[i + 1];
        if (step != NO_LINE) line = step_line(line, step);
        end += code->lines[i];
    }
    return (int)line;
}

/* The kinds of run. 0 … 9 (columns only) and 15 (no location) leave the line unchanged. */
enum { SAME_LINE = 10, TWO_LINES_ON = 12, NO_COLUMNS = 13, LONG = 14 };

#define RUN_START 0x80
#define RUN_UNITS(first) (((first) & 7) + 1u)
#define RUN_KIND(first) ((first) >> 3 & 15)

#define VARINT_MORE 0x40
#define VARINT_BITS 6

/* Read little-endian groups of six bits. Reading ends at the next run, whatever the bytes say. Only 32 bits are
 * kept. */
static uint32_t read_varint(const uint8_t *byte, const uint8_t *end) {
    uint32_t value = 0;
    for (unsigned shift = 0; byte < end && !(*byte & RUN_START); shift += VARINT_BITS) {
        if (shift < 32) value |= (uint32_t)(*byte & (VARINT_MORE - 1)) << shift;
        if (!(*byte++ & VARINT_MORE)) break;
    }
    return value;
}

/* The lowest bit is the sign. */
static int read_signed_varint(const uint8_t *byte, const uint8_t *end) {
    uint32_t value = read_varint(byte, end);
    int magnitude = (int)(value >> 1);
    return value & 1 ? -magnitude : magnitude;
}

static int run_step(const uint8_t *run, const uint8_t *end) {
    unsigned kind = RUN_KIND(*run);
    if (kind >= SAME_LINE && kind <= TWO_LINES_ON) return (int)(kind - SAME_LINE);
    if (kind == NO_COLUMNS || kind == LONG) return read_signed_varint(run + 1, end);
    return 0;
}

static const uint8_t *next_run(const uint8_t *run, const uint8_t *end) {
    do run++;
    while (run < end && !(*run & RUN_START));
    return run;
}

int sp_pylines_runs(const spprof_code *code, uint32_t position) {
    uint32_t line = (uint32_t)code->first_line;
    uint64_t reached = 0;
    const uint8_t *end = code->lines + code->lines_length;
    for (const uint8_t *run = code->lines; run < end && reached <= position; run = next_run(run, end)) {
        line = step_line(line, run_step(run, end));
        reached += RUN_UNITS(*run);
    }
    return (int)line;
}
