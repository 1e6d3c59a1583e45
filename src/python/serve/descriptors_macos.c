#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <libproc.h>
#include <poll.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define DISCARDED_AT_ONCE 16 /* times 512 bytes */

/* ---- Which file ---- */

/* The kernel uses the addresses of closed sockets again, but no generation of an internet socket. */
static bool is_numbered(int descriptor, ino_t *number) {
    struct socket_fdinfo info;
    int got = proc_pidfdinfo(getpid(), descriptor, PROC_PIDFDSOCKETINFO, &info, sizeof info);
    if (got != sizeof info) return false;
    const struct socket_info *found = &info.psi;
    uint64_t generation = 0;
    if (found->soi_kind == SOCKINFO_TCP) generation = found->soi_proto.pri_tcp.tcpsi_ini.insi_gencnt;
    if (found->soi_kind == SOCKINFO_IN) generation = found->soi_proto.pri_in.insi_gencnt;
    *number = found->soi_so ^ generation << 1;
    return true;
}

bool sp_descriptor_inode(int descriptor, ino_t *inode) {
    struct stat status;
    if (fstat(descriptor, &status) != 0) return false;
    *inode = status.st_ino;
    bool has_none = S_ISSOCK(status.st_mode) && status.st_ino == 0;
    return !has_none || is_numbered(descriptor, inode);
}

/* ---- Making them ---- */

static bool prepare(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 && flags >= 0 &&
           fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0;
}

static int close_failed(int descriptor) {
    int saved_errno = errno;
    close(descriptor);
    errno = saved_errno;
    return -1;
}

int sp_descriptor_pipe(int ends[2]) {
    if (pipe(ends) != 0) return -1;
    if (prepare(ends[0]) && prepare(ends[1]) && fcntl(ends[1], F_SETNOSIGPIPE, 1) == 0) return 0;
    close_failed(ends[0]);
    return close_failed(ends[1]);
}

int sp_descriptor_socket(int family) {
    int made = socket(family, SOCK_STREAM, 0);
    if (made < 0 || prepare(made)) return made;
    return close_failed(made);
}

/* Nobody can connect before the socket listens. A Unix socket's descriptor has no permissions of its own. */
int sp_descriptor_bind(int descriptor, const struct sockaddr *address, socklen_t length) {
    int result = bind(descriptor, address, length);
    if (result != 0 || address->sa_family != AF_UNIX) return result;
    const char *path = ((const struct sockaddr_un *)(const void *)address)->sun_path;
    fchmodat(AT_FDCWD, path, S_IRUSR | S_IWUSR, AT_SYMLINK_NOFOLLOW);
    return 0;
}

/* The kernel refuses the option if the client has already gone. */
int sp_descriptor_accept(int listening) {
    int on = 1, made = accept(listening, NULL, NULL);
    if (made < 0) return -1;
    if (prepare(made) && setsockopt(made, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) == 0) return made;
    return close_failed(made);
}

/* ---- Connections ---- */

ssize_t sp_descriptor_send(int connection, const char *bytes, size_t length) {
    return send(connection, bytes, length, 0);
}

bool sp_descriptor_peer(int connection, uid_t *user) {
    gid_t group;
    return getpeereid(connection, user, &group) == 0;
}

/* poll reports the end of a connection only together with what can be read. */
short sp_descriptor_end_event(void) {
    return POLLIN;
}

bool sp_descriptor_has_ended(int connection) {
    char discarded[512];
    for (int i = 0; i < DISCARDED_AT_ONCE; i++) {
        ssize_t got = recv(connection, discarded, sizeof discarded, 0);
        if (got < 0) return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
        if (got == 0) return true;
    }
    return true;
}
