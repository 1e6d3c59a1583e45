/* http.h: parses one HTTP/1.1 request and writes the head of an answer. A connection carries only one request.
 *
 *   GET /debug/pprof/heap?seconds=5&token=T HTTP/1.1 ┐
 *   Host: 127.0.0.1:6060                             ├─ head, at most SP_HTTP_HEAD_MAX bytes ─► sp_http_request
 *   Authorization: Bearer T                          ┘
 *
 * All of a request's data is in its path and query: a request with a body is refused.
 *
 * Memory:  the caller's; texts point into the head.
 * Threads: any. Reads only its arguments. Any bytes are safe; the time is linear in their number. Comparing the token
 *          takes the same time for all tokens of the same length.
 * Full:    a head that is too long is refused with 431.
 */
#ifndef SP_HTTP_H
#define SP_HTTP_H

#include "buffer.h"

#include <stdbool.h>
#include <stddef.h>

#define SP_HTTP_HEAD_MAX 8192
#define SP_HTTP_TOKEN_MAX 128

typedef struct sp_http_text {
    const char *at; /* not terminated */
    size_t length;
} sp_http_text;

typedef struct sp_http_request {
    sp_http_text method; /* also "GET" for HEAD */
    sp_http_text path;   /* begins with "/"; as sent */
    sp_http_text query;  /* the part after "?", without the token */
    sp_http_text host;   /* without the port; empty: no host was sent, as in HTTP/1.0 */
    bool is_head;        /* the answer has no body */
    size_t token_length; /* 0: no token was sent, or one longer than any of ours */
    char token[SP_HTTP_TOKEN_MAX];
} sp_http_request;

/* Return the length of the head, including the empty line that ends it, or 0 if that has not arrived yet. */
size_t sp_http_head_length(const char *data, size_t length);

/* Parse a head and remove the token from it. Return 0, or the status of the error answer. */
int sp_http_parse(char *head, size_t length, sp_http_request *request);

bool sp_http_text_is(sp_http_text text, const char *word);

/* Return false if a foreign web page may have made a browser send the request. The host must be a numeric address,
 * localhost or a name below it, or the machine's own name. A name that an attacker points at this machine (DNS
 * rebinding) is none of these. */
bool sp_http_is_own_host(sp_http_text host, const char *machine);

/* Return whether this token was sent. The time taken does not depend on where the tokens differ. */
bool sp_http_has_token(const sp_http_request *request, const char *token);

/* The maximum length of a Content-Type and of a file name. */
#define SP_HTTP_VALUE_MAX 128

typedef struct sp_http_answer {
    int status;
    const char *type;      /* Content-Type */
    const char *file_name; /* the name under which a browser saves the body; "": it displays the body */
    const char *fields;    /* more header lines, each ending with CR LF; "": none */
    size_t length;         /* length of the body */
} sp_http_answer;

/* Write the head. Characters that could end the Content-Type or the file name become "?". */
void sp_http_put_head(sp_buffer *to, const sp_http_answer *answer);

/* Return the default body of an error answer. */
const char *sp_http_sentence(int status);

#endif
