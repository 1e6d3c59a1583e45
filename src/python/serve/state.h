/* state.h: facts about the program that C cannot find out; Python sets them once, and they are read without the GIL.
 *
 * Memory:  static. Threads: one writer at a time, with the main GIL; any may read, and no reader waits for long.
 * Signals: not in a handler. Fork: a child inherits its parent's.
 * Full:    longer texts are truncated.
 */
#ifndef SP_STATE_H
#define SP_STATE_H

#include <stdint.h>

typedef struct sp_state {
    char program[1024], python[64]; /* UTF-8, NUL-terminated; "" until Python has set them */
    int64_t started_ns;             /* wall clock; 0: unknown */
} sp_state;

void sp_state_set_with_gil(const char *program, const char *python, int64_t started_ns);
void sp_state_read(sp_state *state);

#endif
