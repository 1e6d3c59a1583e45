/* Treats any bytes as the head of an HTTP request. The head is parsed, and no other memory may be accessed. The results
 * must be within the head, and must not contain the token.
 */
#include "http.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition) {
    if (!condition) abort();
}

static void require_within(sp_http_text text, const char *head, size_t length) {
    if (text.length == 0) return;
    bool is_word = text.length == 3 && memcmp(text.at, "GET", 3) == 0; /* a constant, which stands for HEAD */
    require(is_word || (text.at >= head && text.at + text.length <= head + length));
}

static void require_no_token(sp_http_text query) {
    for (size_t at = 0; at + 6 <= query.length; at++) {
        bool begins = at == 0 || query.at[at - 1] == '&';
        require(!begins || memcmp(query.at + at, "token=", 6) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    sp_http_request request;
    char *head = malloc(size + 1);
    size_t length = sp_http_head_length((const char *)bytes, size);
    require(head != NULL && length <= size);
    memcpy(head, bytes, size);
    if (length > 0 && length <= SP_HTTP_HEAD_MAX && sp_http_parse(head, length, &request) == 0) {
        require(request.path.length > 0 && request.path.at[0] == '/');
        require_within(request.method, head, length);
        require_within(request.path, head, length);
        require_within(request.query, head, length);
        require_within(request.host, head, length);
        require_no_token(request.query);
        require(request.token_length <= SP_HTTP_TOKEN_MAX);
        sp_http_is_own_host(request.host, "machine");
        sp_http_has_token(&request, "0123456789abcdef");
    }
    free(head);
    return 0;
}
