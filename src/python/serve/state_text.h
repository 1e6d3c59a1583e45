/* state_text.h: how the process and its profilers are, as one JSON document (docs/cli.md has its names).
 *
 * Memory:  what is put. Threads: any, without the GIL. Signals: not in a handler. errno: left alone.
 */
#ifndef SP_STATE_TEXT_H
#define SP_STATE_TEXT_H

#include "buffer.h"

__attribute__((visibility("default"))) void sp_state_text(sp_buffer *to); /* tests call it without Python */

#endif
