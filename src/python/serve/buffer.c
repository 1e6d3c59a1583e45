#include "buffer.h"

#include "grow_mapping.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_BYTES ((size_t)1 << 16)

static char *mapped(size_t bytes) {
    void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return data == MAP_FAILED ? NULL : data;
}

static bool has_room(sp_buffer *to, size_t more) {
    if (to->is_short || more > SP_BUFFER_MAX - to->length) return false;
    size_t capacity = to->capacity ? to->capacity : FIRST_BYTES;
    while (capacity - to->length < more) capacity *= 2;
    if (capacity == to->capacity) return true;
    int saved_errno = errno;
    char *data = to->data ? sp_grow_mapping(to->data, to->capacity, capacity) : mapped(capacity);
    errno = saved_errno;
    if (!data) return false;
    to->data = data;
    to->capacity = capacity;
    return true;
}

void sp_buffer_put(sp_buffer *to, const char *bytes, size_t length) {
    if (length == 0) return;
    if (!has_room(to, length)) {
        to->is_short = true;
        return;
    }
    memcpy(to->data + to->length, bytes, length);
    to->length += length;
}

void sp_buffer_put_text(sp_buffer *to, const char *text) {
    sp_buffer_put(to, text, strlen(text));
}

static void put_digits(sp_buffer *to, uint64_t number, unsigned base) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    sp_buffer_put(to, digits + at, sizeof digits - at);
}

void sp_buffer_put_number(sp_buffer *to, uint64_t number) {
    put_digits(to, number, 10);
}

void sp_buffer_put_address(sp_buffer *to, uint64_t address) {
    sp_buffer_put_text(to, "0x");
    put_digits(to, address, 16);
}

/* Return the length in bytes of the character at `text`, or 0 if it is not UTF-8 (RFC 3629, table in section 4). */
static size_t character_bytes(const unsigned char *text, size_t length) {
    unsigned char first = text[0];
    size_t bytes = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (bytes == 0 || bytes > length) return 0;
    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xC0) != 0x80) return 0;
    }
    bool is_overlong = (first == 0xE0 && text[1] < 0xA0) || (first == 0xF0 && text[1] < 0x90);
    bool is_beyond = (first == 0xED && text[1] >= 0xA0) || (first == 0xF4 && text[1] >= 0x90);
    return is_overlong || is_beyond ? 0 : bytes;
}

static void put_json_character(sp_buffer *to, char character) {
    if (character == '"' || character == '\\') {
        sp_buffer_put(to, "\\", 1);
        sp_buffer_put(to, &character, 1);
    } else if ((unsigned char)character < 0x20 || character == 0x7F) {
        sp_buffer_put_text(to, (unsigned char)character < 0x10 ? "\\u000" : "\\u00");
        put_digits(to, (unsigned char)character, 16);
    } else {
        sp_buffer_put(to, &character, 1);
    }
}

void sp_buffer_put_json(sp_buffer *to, const char *text, size_t length) {
    sp_buffer_put(to, "\"", 1);
    for (size_t at = 0; at < length;) {
        size_t bytes = character_bytes((const unsigned char *)text + at, length - at);
        if (bytes == 0) sp_buffer_put_text(to, "\\ufffd");
        if (bytes == 1) put_json_character(to, text[at]);
        if (bytes > 1) sp_buffer_put(to, text + at, bytes);
        at += bytes ? bytes : 1;
    }
    sp_buffer_put(to, "\"", 1);
}

void sp_buffer_put_visible(sp_buffer *to, const char *text, size_t length) {
    for (size_t at = 0; at < length;) {
        size_t bytes = character_bytes((const unsigned char *)text + at, length - at);
        bool is_control = bytes == 1 && ((unsigned char)text[at] < 0x20 || text[at] == 0x7F);
        bool is_c1 = bytes == 2 && (unsigned char)text[at] == 0xC2 && (unsigned char)text[at + 1] < 0xA0;
        if (bytes == 0 || is_control || is_c1)
            sp_buffer_put(to, "?", 1);
        else
            sp_buffer_put(to, text + at, bytes);
        at += bytes ? bytes : 1;
    }
}

void sp_buffer_free(sp_buffer *buffer) {
    int saved_errno = errno;
    if (buffer->data) munmap(buffer->data, buffer->capacity);
    errno = saved_errno;
    *buffer = (sp_buffer){0};
}
