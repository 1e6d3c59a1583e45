#include "sockets.h"

#include "descriptors.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NUMBER_FROM 40 /* the lowest descriptor number that we keep */
#define WAITING_MAX 64 /* connections waiting to be accepted */

/* ---- Descriptors ---- */

bool sp_socket_is_ours(const sp_socket *socket) {
    ino_t inode;
    return socket->descriptor != SP_SOCKET_NONE && sp_descriptor_inode(socket->descriptor, &inode) &&
           inode == socket->inode;
}

void sp_socket_close(sp_socket *socket) {
    int saved_errno = errno;
    if (sp_socket_is_ours(socket)) close(socket->descriptor);
    errno = saved_errno;
    socket->descriptor = SP_SOCKET_NONE;
}

/* Move the descriptor to a high number if possible. Return 0, or an errno after closing it. */
static int keep(int descriptor, sp_socket *socket) {
    int high = fcntl(descriptor, F_DUPFD_CLOEXEC, NUMBER_FROM);
    if (high >= 0) close(descriptor);
    socket->descriptor = high >= 0 ? high : descriptor;
    if (sp_descriptor_inode(socket->descriptor, &socket->inode)) return 0;
    int error = errno;
    close(socket->descriptor);
    socket->descriptor = SP_SOCKET_NONE;
    return error;
}

int sp_socket_pipe(sp_socket *read_end, sp_socket *write_end) {
    int ends[2];
    if (sp_descriptor_pipe(ends) != 0) return errno;
    int error = keep(ends[0], read_end);
    if (error != 0) {
        close(ends[1]);
        return error;
    }
    error = keep(ends[1], write_end);
    if (error != 0) sp_socket_close(read_end);
    return error;
}

/* ---- Listening ---- */

static int failed(int descriptor) {
    int error = errno;
    close(descriptor);
    return error;
}

static int listen_at(int descriptor, const struct sockaddr *address, socklen_t length, sp_socket *socket) {
    if (sp_descriptor_bind(descriptor, address, length) != 0 || listen(descriptor, WAITING_MAX) != 0)
        return failed(descriptor);
    return keep(descriptor, socket);
}

/* Return whether the address is a socket of this user on which no process is listening. */
static bool is_abandoned(const struct sockaddr_un *address) {
    struct stat status;
    if (lstat(address->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode) || status.st_uid != geteuid()) return false;
    int probe = sp_descriptor_socket(AF_UNIX);
    if (probe < 0) return false;
    bool is_refused = connect(probe, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED;
    close(probe);
    return is_refused;
}

int sp_socket_listen_at_path(const char *path, sp_socket *socket) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return ENAMETOOLONG;
    strcpy(address.sun_path, path);
    for (bool is_second = false;; is_second = true) {
        int made = sp_descriptor_socket(AF_UNIX);
        if (made < 0) return errno;
        int error = listen_at(made, (const struct sockaddr *)&address, sizeof address, socket);
        if (error != EADDRINUSE || is_second || !is_abandoned(&address)) return error;
        unlink(path);
    }
}

typedef union any_address {
    struct sockaddr common;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} any_address;

/* Return false if the text is not a port number. */
static bool parse_port(const char *text, in_port_t *port) {
    uint32_t number = 0;
    if (*text == '\0') return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') return false;
        number = number * 10 + (uint32_t)(*text - '0');
        if (number > UINT16_MAX) return false;
    }
    *port = htons((uint16_t)number);
    return true;
}

static bool parse_host(const char *host, in_port_t port, any_address *address, socklen_t *length) {
    *address = (any_address){.v4 = {.sin_family = AF_INET, .sin_port = port}};
    *length = sizeof address->v4;
    if (*host == '\0') return true;
    if (strcmp(host, "localhost") == 0) host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) return true;
    *address = (any_address){.v6 = {.sin6_family = AF_INET6, .sin6_port = port}};
    *length = sizeof address->v6;
    return inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1;
}

static bool parse_address(const char *text, any_address *address, socklen_t *length) {
    char host[SP_SOCKET_ADDRESS_MAX];
    in_port_t port;
    const char *colon = strrchr(text, ':');
    size_t bytes = colon ? (size_t)(colon - text) : 0;
    if (!colon || bytes >= sizeof host || !parse_port(colon + 1, &port)) return false;
    bool is_bracketed = bytes >= 2 && text[0] == '[' && text[bytes - 1] == ']';
    size_t skipped = is_bracketed ? 1 : 0;
    memcpy(host, text + skipped, bytes - 2 * skipped);
    host[bytes - 2 * skipped] = '\0';
    if (!is_bracketed && strchr(host, ':') != NULL) return false; /* "::1:6060" is ambiguous */
    return parse_host(host, port, address, length);
}

int sp_socket_listen_at_port(const char *text, sp_socket *socket) {
    any_address address;
    socklen_t length;
    int on = 1;
    if (!parse_address(text, &address, &length)) return EINVAL;
    int made = sp_descriptor_socket(address.common.sa_family);
    if (made < 0) return errno;
    setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return listen_at(made, &address.common, length, socket);
}

static char *put_port(char *end, in_port_t port) {
    char digits[5];
    size_t at = sizeof digits;
    unsigned number = ntohs(port);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    *end++ = ':';
    memcpy(end, digits + at, sizeof digits - at);
    end += sizeof digits - at;
    *end = '\0';
    return end;
}

void sp_socket_address(const sp_socket *socket, char address[SP_SOCKET_ADDRESS_MAX]) {
    any_address bound = {.common = {.sa_family = AF_UNSPEC}};
    socklen_t length = sizeof bound;
    address[0] = '\0';
    if (getsockname(socket->descriptor, &bound.common, &length) != 0) return;
    if (bound.common.sa_family == AF_INET) {
        inet_ntop(AF_INET, &bound.v4.sin_addr, address, INET_ADDRSTRLEN);
        put_port(address + strlen(address), bound.v4.sin_port);
    } else if (bound.common.sa_family == AF_INET6) {
        address[0] = '[';
        inet_ntop(AF_INET6, &bound.v6.sin6_addr, address + 1, INET6_ADDRSTRLEN);
        strcat(address, "]");
        put_port(address + strlen(address), bound.v6.sin6_port);
    }
}

/* ---- Connections ---- */

static bool is_peer_allowed(int descriptor) {
    uid_t peer;
    return sp_descriptor_peer(descriptor, &peer) && (peer == 0 || peer == geteuid());
}

int sp_socket_accept(const sp_socket *listening, bool is_unix, sp_socket *connection) {
    int made = sp_descriptor_accept(listening->descriptor);
    if (made < 0) return errno;
    if (is_unix && !is_peer_allowed(made)) {
        close(made);
        return EPERM;
    }
    return keep(made, connection);
}
