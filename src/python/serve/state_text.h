/* state_text.h: the state of the process and its profilers, as one JSON document (docs/cli.md documents its names).
 *
 * Memory:  the text. Threads: any, without the GIL. Signals: not in a handler. errno: left alone.
 */
#ifndef SP_STATE_TEXT_H
#define SP_STATE_TEXT_H

#include "buffer.h"

__attribute__((visibility("default"))) void sp_state_text(sp_buffer *to); /* tests call it without Python */

#endif
