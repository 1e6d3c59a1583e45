/* http.h: one HTTP/1.1 request as it came, and what stands before an answer. Never more than one on a connection.
 *
 *   GET /debug/pprof/heap?seconds=5&token=T HTTP/1.1 ┐
 *   Host: 127.0.0.1:6060                             ├─ head, at most SP_HTTP_HEAD_MAX bytes ─► sp_http_request
 *   Authorization: Bearer T                          ┘
 *
 * What a request has to say stands in its path and query: one with a body is refused.
 *
 * Memory:  the caller's; texts point into the head.
 * Threads: any. Reads what it is given, nothing else: any bytes are safe, in time linear in their number, but for the
 *          token's, which is the same whatever was sent of that length.
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
    sp_http_text method; /* "GET" also of HEAD */
    sp_http_text path;   /* begins with "/"; as it was sent */
    sp_http_text query;  /* behind "?", without the token */
    sp_http_text host;   /* without the port; empty: there was none, as in HTTP/1.0 */
    bool is_head;        /* the answer has no body */
    size_t token_length; /* 0: there was none, or one that is longer than any of ours */
    char token[SP_HTTP_TOKEN_MAX];
} sp_http_request;

/* The length of the head, with the empty line behind it; 0: that has not come yet. */
size_t sp_http_head_length(const char *data, size_t length);

/* Takes a head apart, and the token out of it. 0, or the status of the answer that it deserves. */
int sp_http_parse(char *head, size_t length, sp_http_request *request);

bool sp_http_text_is(sp_http_text text, const char *word);

/* Whether a page from elsewhere cannot have made a browser send that: the host is a numeric address, localhost or below
 * it, or the machine's own name. A name that an attacker points here (DNS rebinding) is none of these. */
bool sp_http_is_own_host(sp_http_text host, const char *machine);

/* Whether that token was sent; takes as long wherever they differ. */
bool sp_http_has_token(const sp_http_request *request, const char *token);

/* The longest value of a Content-Type or a file name. */
#define SP_HTTP_VALUE_MAX 128

typedef struct sp_http_answer {
    int status;
    const char *type;      /* Content-Type */
    const char *file_name; /* under which a browser saves it; "": it shows it */
    const char *fields;    /* more of the header, each line with CR LF behind it; "": none */
    size_t length;         /* of the body */
} sp_http_answer;

/* Characters of the two values that could end them become "?". */
void sp_http_put_head(sp_buffer *to, const sp_http_answer *answer);

/* What the body of an error says where nobody has a better sentence. */
const char *sp_http_sentence(int status);

#endif
