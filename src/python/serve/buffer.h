/* buffer.h: a growing buffer of bytes, for answers that must be written even while the program is stuck.
 *
 *   put, put, put ──► data [ length | room ] capacity          doubled when it is full
 *
 * Memory:  mapped, so that nothing waits for malloc's locks. A buffer of all zeros is empty.
 * Threads: one at a time. No lock, no GIL.
 * Signals: not in a handler.
 * Full:    is_short is set; the bytes that do not fit are dropped, and so is everything after them.
 */
#ifndef SP_BUFFER_H
#define SP_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sp_buffer {
    char *data;
    size_t length, capacity;
    bool is_short; /* there was no memory, or more than SP_BUFFER_MAX bytes were put */
} sp_buffer;

#define SP_BUFFER_MAX ((size_t)1 << 28)

void sp_buffer_put(sp_buffer *to, const char *bytes, size_t length);
/* Append a NUL-terminated string, without the NUL. */
void sp_buffer_put_text(sp_buffer *to, const char *text);
void sp_buffer_put_number(sp_buffer *to, uint64_t number);
/* Append a number in hexadecimal, with 0x in front. */
void sp_buffer_put_address(sp_buffer *to, uint64_t address);
/* Append as a JSON string, in quotes. Bytes that are not UTF-8 become U+FFFD. */
void sp_buffer_put_json(sp_buffer *to, const char *text, size_t length);
/* Append for a terminal: control characters, and bytes that are not UTF-8, become "?". */
void sp_buffer_put_visible(sp_buffer *to, const char *text, size_t length);
/* Release the memory; the buffer is then empty. */
void sp_buffer_free(sp_buffer *buffer);

#endif
