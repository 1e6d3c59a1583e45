#include "http.h"

#include <string.h>

static char lower(char character) {
    return character >= 'A' && character <= 'Z' ? (char)(character + ('a' - 'A')) : character;
}

static bool is_letter(char character) {
    return lower(character) >= 'a' && lower(character) <= 'z';
}

static bool is_digit(char character) {
    return character >= '0' && character <= '9';
}

static bool is_visible(char character) {
    return character > 0x20 && character < 0x7F;
}

bool sp_http_text_is(sp_http_text text, const char *word) {
    return text.length == strlen(word) && (text.length == 0 || memcmp(text.at, word, text.length) == 0);
}

/* Compare, ignoring case. */
static bool is_named(sp_http_text text, const char *word) {
    if (text.length != strlen(word)) return false;
    for (size_t i = 0; i < text.length; i++) {
        if (lower(text.at[i]) != word[i]) return false;
    }
    return true;
}

static bool ends_with(sp_http_text text, const char *end) {
    size_t length = strlen(end);
    return text.length > length && is_named((sp_http_text){text.at + text.length - length, length}, end);
}

/* ---- Lines ---- */

size_t sp_http_head_length(const char *data, size_t length) {
    for (size_t at = 0; at < length; at++) {
        if (data[at] != '\n') continue;
        size_t next = at + 1;
        if (next < length && data[next] == '\r') next++;
        if (next < length && data[next] == '\n') return next + 1;
    }
    return 0;
}

/* Take the next line from `rest`, without its end. Lines may end in a bare LF. */
static sp_http_text next_line(sp_http_text *rest) {
    const char *end = rest->length ? memchr(rest->at, '\n', rest->length) : NULL;
    sp_http_text line = {rest->at, end ? (size_t)(end - rest->at) : rest->length};
    size_t taken = line.length + (end ? 1 : 0);
    if (line.length > 0 && line.at[line.length - 1] == '\r') line.length--;
    *rest = (sp_http_text){rest->at + taken, rest->length - taken};
    return line;
}

/* Take the part before `character` from `rest`, and drop the character; take all of it if there is none. */
static sp_http_text next_part(sp_http_text *rest, char character) {
    const char *end = rest->length ? memchr(rest->at, character, rest->length) : NULL;
    sp_http_text part = {rest->at, end ? (size_t)(end - rest->at) : rest->length};
    size_t taken = part.length + (end ? 1 : 0);
    *rest = (sp_http_text){rest->at + taken, rest->length - taken};
    return part;
}

static sp_http_text trimmed(sp_http_text text) {
    while (text.length && (text.at[0] == ' ' || text.at[0] == '\t'))
        text = (sp_http_text){text.at + 1, text.length - 1};
    while (text.length && (text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t')) text.length--;
    return text;
}

/* ---- The first line ---- */

#define METHOD_MAX 16

static int parse_method(sp_http_text method, sp_http_request *request) {
    if (method.length == 0 || method.length > METHOD_MAX) return 400;
    for (size_t i = 0; i < method.length; i++) {
        if (!is_letter(method.at[i])) return 400;
    }
    request->is_head = sp_http_text_is(method, "HEAD");
    request->method = request->is_head ? (sp_http_text){"GET", 3} : method;
    return 0;
}

static int parse_target(sp_http_text target, sp_http_request *request) {
    if (target.length == 0 || target.at[0] != '/') return 400;
    for (size_t i = 0; i < target.length; i++) {
        if (!is_visible(target.at[i]) || target.at[i] == '#') return 400;
    }
    request->query = target;
    request->path = next_part(&request->query, '?');
    return 0;
}

static int parse_version(sp_http_text version) {
    if (version.length != 8 || memcmp(version.at, "HTTP/", 5) != 0) return 400;
    if (!is_digit(version.at[5]) || version.at[6] != '.' || !is_digit(version.at[7])) return 400;
    return version.at[5] == '1' ? 0 : 505;
}

static int parse_first_line(sp_http_text line, sp_http_request *request, bool *needs_host) {
    sp_http_text method = next_part(&line, ' '), target = next_part(&line, ' ');
    int status = parse_method(method, request);
    if (status == 0) status = parse_target(target, request);
    if (status == 0) status = parse_version(line);
    *needs_host = status == 0 && line.at[7] != '0';
    return status;
}

/* ---- The header's fields ---- */

typedef struct fields {
    sp_http_text host, length, authorization;
    bool has_host, has_length, has_authorization;
} fields;

/* Return false for a duplicate. */
static bool keep(sp_http_text value, sp_http_text *where, bool *has) {
    if (*has) return false;
    *where = value;
    *has = true;
    return true;
}

static int parse_field(sp_http_text line, fields *to) {
    sp_http_text name = next_part(&line, ':'), value = trimmed(line);
    if (name.length == 0 || name.at + name.length == line.at) return 400; /* no name, or no colon */
    for (size_t i = 0; i < name.length; i++) {
        if (!is_visible(name.at[i])) return 400;
    }
    for (size_t i = 0; i < value.length; i++) {
        if ((unsigned char)value.at[i] < 0x20 && value.at[i] != '\t') return 400;
    }
    if (is_named(name, "host")) return keep(value, &to->host, &to->has_host) ? 0 : 400;
    if (is_named(name, "content-length")) return keep(value, &to->length, &to->has_length) ? 0 : 400;
    if (is_named(name, "authorization")) return keep(value, &to->authorization, &to->has_authorization) ? 0 : 400;
    if (is_named(name, "transfer-encoding")) return 411;
    return 0;
}

static int parse_fields(sp_http_text rest, fields *to) {
    while (rest.length > 0) {
        sp_http_text line = next_line(&rest);
        int status = line.length ? parse_field(line, to) : 0;
        if (status != 0) return status;
    }
    return 0;
}

static int check_length(const fields *from) {
    if (!from->has_length) return 0;
    if (from->length.length == 0) return 400;
    for (size_t i = 0; i < from->length.length; i++) {
        if (!is_digit(from->length.at[i])) return 400;
    }
    for (size_t i = 0; i < from->length.length; i++) {
        if (from->length.at[i] != '0') return 413;
    }
    return 0;
}

/* Return the host without its port. Examples: "[::1]:6060", "localhost:6060", "10.0.0.1". */
static sp_http_text without_port(sp_http_text host) {
    if (host.length > 0 && host.at[0] == '[') {
        const char *end = memchr(host.at, ']', host.length);
        return end ? (sp_http_text){host.at, (size_t)(end - host.at) + 1} : host;
    }
    return next_part(&host, ':');
}

static sp_http_text bearer(sp_http_text value) {
    sp_http_text scheme = next_part(&value, ' ');
    return is_named(scheme, "bearer") ? trimmed(value) : (sp_http_text){0};
}

static void keep_token(sp_http_text token, sp_http_request *request) {
    if (request->token_length > 0 || token.length == 0 || token.length > SP_HTTP_TOKEN_MAX) return;
    memcpy(request->token, token.at, token.length);
    request->token_length = token.length;
}

/* Remove the token from the query in place, so that the query's handlers do not see it. */
static void take_token_out(char *query, sp_http_request *request) {
    sp_http_text rest = request->query;
    size_t kept = 0;
    while (rest.length > 0) {
        sp_http_text part = next_part(&rest, '&'), value = part;
        if (sp_http_text_is(next_part(&value, '='), "token")) {
            keep_token(value, request);
            continue;
        }
        if (part.length == 0) continue;
        if (kept > 0) query[kept++] = '&';
        memmove(query + kept, part.at, part.length);
        kept += part.length;
    }
    request->query.length = kept;
}

int sp_http_parse(char *head, size_t length, sp_http_request *request) {
    *request = (sp_http_request){0};
    sp_http_text rest = {head, length};
    sp_http_text line = next_line(&rest);
    fields found = {0};
    bool needs_host = false;
    int status = parse_first_line(line, request, &needs_host);
    if (status == 0) status = parse_fields(rest, &found);
    if (status == 0) status = check_length(&found);
    if (status == 0 && needs_host && !found.has_host) status = 400;
    if (status != 0) return status;
    request->host = without_port(found.host);
    if (found.has_authorization) keep_token(bearer(found.authorization), request);
    take_token_out(head + (request->query.at - head), request);
    return 0;
}

/* ---- Access ---- */

/* Return whether the host cannot be a domain name. Domain names end in a label with a letter, and have no colon. */
static bool is_numeric(sp_http_text host) {
    if (host.length > 1 && host.at[0] == '[') return host.at[host.length - 1] == ']';
    for (size_t i = 0; i < host.length; i++) {
        if (!is_digit(host.at[i]) && host.at[i] != '.') return false;
    }
    return host.length > 0;
}

bool sp_http_is_own_host(sp_http_text host, const char *machine) {
    if (host.length == 0) return true; /* browsers always send a host */
    if (is_numeric(host) || is_named(host, "localhost") || ends_with(host, ".localhost")) return true;
    size_t length = strlen(machine);
    if (length == 0 || host.length != length) return false;
    for (size_t i = 0; i < length; i++) {
        if (lower(host.at[i]) != lower(machine[i])) return false;
    }
    return true;
}

bool sp_http_has_token(const sp_http_request *request, const char *token) {
    if (request->token_length != strlen(token)) return false;
    unsigned char different = 0;
    for (size_t i = 0; i < request->token_length; i++) different |= (unsigned char)(request->token[i] ^ token[i]);
    return different == 0;
}

/* ---- Answers ---- */

static const struct {
    int status;
    const char *reason, *sentence;
} known[] = {
    {200, "OK", ""},
    {400, "Bad Request", "this is not an HTTP request that spprof understands"},
    {401, "Unauthorized", "a token is needed: ?token=… or Authorization: Bearer …, as the program printed it"},
    {403, "Forbidden", "this host name is not the program's: use its numeric address or localhost"},
    {404, "Not Found", "there is nothing at this path: / lists the paths"},
    {405, "Method Not Allowed", "this path needs a different method: / lists the methods"},
    {408, "Request Timeout", "the request did not arrive in time"},
    {409, "Conflict", "this cannot be done now"},
    {411, "Length Required", "requests with a body are not accepted: put parameters in the query string"},
    {413, "Content Too Large", "requests with a body are not accepted: put parameters in the query string"},
    {429, "Too Many Requests", "too many requests are waiting: try again later"},
    {431, "Request Header Fields Too Large", "the request's head is longer than 8 KiB"},
    {500, "Internal Server Error", "the response could not be generated"},
    {503, "Service Unavailable", "the program did not answer: it may be holding the GIL; /stacks shows where"},
    {505, "HTTP Version Not Supported", "use HTTP/1.1"},
};
#define KNOWN (sizeof known / sizeof *known)

static size_t index_of(int status) {
    for (size_t i = 0; i < KNOWN; i++) {
        if (known[i].status == status) return i;
    }
    return KNOWN;
}

const char *sp_http_sentence(int status) {
    size_t at = index_of(status);
    return at < KNOWN ? known[at].sentence : "";
}

/* Append a value that goes into a quoted string or a content type. */
static void put_value(sp_buffer *to, const char *value) {
    for (size_t i = 0; value[i] != '\0' && i < SP_HTTP_VALUE_MAX; i++) {
        bool is_plain = (is_visible(value[i]) || value[i] == ' ') && value[i] != '"' && value[i] != '\\';
        sp_buffer_put(to, is_plain ? &value[i] : "?", 1);
    }
}

void sp_http_put_head(sp_buffer *to, const sp_http_answer *answer) {
    size_t at = index_of(answer->status);
    sp_buffer_put_text(to, "HTTP/1.1 ");
    sp_buffer_put_number(to, (uint64_t)answer->status);
    sp_buffer_put_text(to, " ");
    sp_buffer_put_text(to, at < KNOWN ? known[at].reason : "Unknown");
    sp_buffer_put_text(to, "\r\nContent-Type: ");
    put_value(to, answer->type);
    sp_buffer_put_text(to, "\r\nContent-Length: ");
    sp_buffer_put_number(to, answer->length);
    if (answer->file_name[0] != '\0') {
        sp_buffer_put_text(to, "\r\nContent-Disposition: attachment; filename=\"");
        put_value(to, answer->file_name);
        sp_buffer_put_text(to, "\"");
    }
    if (answer->status == 401) sp_buffer_put_text(to, "\r\nWWW-Authenticate: Bearer");
    sp_buffer_put_text(to, "\r\n");
    sp_buffer_put_text(to, answer->fields);
    sp_buffer_put_text(to, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                           "Connection: close\r\n\r\n");
}
