/* buffer.h: bytes that grow, for answers that must come while the program is stuck.
 *
 *   put, put, put ──► data [ length | room ] capacity          twice as large when it is full
 *
 * Memory:  mapped, so that nothing waits for malloc's locks. All zeros is an empty buffer.
 * Threads: one at a time. No lock, no GIL.
 * Signals: not in a handler.
 * Full:    is_short, and what does not fit is left out; so is all that follows.
 */
#ifndef SP_BUFFER_H
#define SP_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sp_buffer {
    char *data;
    size_t length, capacity;
    bool is_short; /* there was no memory, or more than SP_BUFFER_MAX was put */
} sp_buffer;

#define SP_BUFFER_MAX ((size_t)1 << 28)

void sp_buffer_put(sp_buffer *to, const char *bytes, size_t length);
/* Up to its NUL. */
void sp_buffer_put_text(sp_buffer *to, const char *text);
void sp_buffer_put_number(sp_buffer *to, uint64_t number);
/* In hexadecimal, with 0x before it. */
void sp_buffer_put_address(sp_buffer *to, uint64_t address);
/* As a string of JSON, in quotes. What is not UTF-8 becomes U+FFFD. */
void sp_buffer_put_json(sp_buffer *to, const char *text, size_t length);
/* For a terminal: control characters and what is not UTF-8 become "?". */
void sp_buffer_put_visible(sp_buffer *to, const char *text, size_t length);
/* Gives the memory back; it is empty then. */
void sp_buffer_free(sp_buffer *buffer);

#endif
