#include "descriptors.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

bool sp_descriptor_inode(int descriptor, ino_t *inode) {
    struct stat status;
    if (fstat(descriptor, &status) != 0) return false;
    *inode = status.st_ino;
    return true;
}

int sp_descriptor_pipe(int ends[2]) {
    return pipe2(ends, O_CLOEXEC | O_NONBLOCK);
}

int sp_descriptor_socket(int family) {
    return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* A Unix socket's file gets the permissions of its descriptor. */
int sp_descriptor_bind(int descriptor, const struct sockaddr *address, socklen_t length) {
    if (address->sa_family == AF_UNIX) fchmod(descriptor, S_IRUSR | S_IWUSR);
    return bind(descriptor, address, length);
}

int sp_descriptor_accept(int listening) {
    return accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

ssize_t sp_descriptor_send(int connection, const char *bytes, size_t length) {
    return send(connection, bytes, length, MSG_NOSIGNAL);
}

bool sp_descriptor_peer(int connection, uid_t *user) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
    *user = peer.uid;
    return true;
}

short sp_descriptor_end_event(void) {
    return POLLRDHUP;
}

bool sp_descriptor_has_ended(int connection) {
    (void)connection; /* the event comes with nothing else */
    return true;
}
