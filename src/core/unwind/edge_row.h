/* edge_row.h: rows for the edges of functions on macOS, where compact descriptions are wrong, and for stubs, which have
 * none. The machine code there shows where the caller is.
 *
 *   push rbp │ mov rbp, rsp │ body │ pop rbp │ ret          a description is right for the body, and from `mov` on for
 *   └────── edge ──────────┘                 └ edge         the stack; a signal may arrive anywhere
 *
 * A stub continues in a function of another object: jmp [rip + …]. What calls it will return to the caller.
 *
 * `at` may also be an address inside a call instruction (a return address less one). No edge is there.
 *
 * Memory:  reads [start, end), some hundred bytes around `at`. Allocates nothing.
 * Threads: any. Signals: safe.
 */
#ifndef SP_EDGE_ROW_H
#define SP_EDGE_ROW_H

#include "cfi.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sp_edge_code {
    const uint8_t *at, *start, *end; /* start <= at < end; readable */
} sp_edge_code;

/* If the code is at an edge of the function that `row` describes, replace the row. Return whether it was replaced. */
bool sp_edge_row_of_function(const sp_edge_code *code, sp_cfi_row *row);

/* Return whether the code is in a stub; if so, write its row. */
bool sp_edge_row_of_stub(const sp_edge_code *code, sp_cfi_row *row);

#endif
