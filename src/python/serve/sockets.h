/* sockets.h: places where the process can be asked: a Unix socket, or a TCP port.
 *
 *   path ──────► bound (0600) ──► listening ─┐
 *   host:port ─► bound ─────────► listening ─┴─► accept: a connection, of this user's or root's alone on a Unix socket
 *
 * Descriptors are closed by exec, do not block, and have high numbers: programs count on the low ones being free. What
 * a descriptor was made for is known by its inode, since a program may close what it does not know, and have a file of
 * its own under that number.
 *
 * Memory:  none. Threads: any; no lock, no GIL. Signals: not in a handler.
 * Fork:    a child inherits the descriptors, and closes them.
 */
#ifndef SP_SOCKETS_H
#define SP_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A descriptor of ours. */
typedef struct sp_socket {
    int descriptor; /* SP_SOCKET_NONE: there is none */
    ino_t inode;
} sp_socket;
#define SP_SOCKET_NONE (-1)

/* Whether the number still means what it did. */
bool sp_socket_is_ours(const sp_socket *socket);
/* Unless it means something else by now. */
void sp_socket_close(sp_socket *socket);

/* 0 or an errno. ENAMETOOLONG: more than the kernel takes, 107 bytes. EADDRINUSE: there is something of that name; a
 * socket that nobody listens on any more is replaced. */
int sp_socket_listen_at_path(const char *path, sp_socket *socket);

/* "127.0.0.1:6060", "[::1]:0", ":6060" (every address), "localhost:6060". EINVAL: that is no numeric address and no
 * port. */
int sp_socket_listen_at_port(const char *address, sp_socket *socket);

/* Of a port: as in "127.0.0.1:6060", with the number that was chosen for 0. */
#define SP_SOCKET_ADDRESS_MAX 64
void sp_socket_address(const sp_socket *socket, char address[SP_SOCKET_ADDRESS_MAX]);

/* 0 or an errno; EPERM: another user's, which is closed. */
int sp_socket_accept(const sp_socket *listening, bool is_unix, sp_socket *connection);

/* Two ends of a pipe. */
int sp_socket_pipe(sp_socket *read_end, sp_socket *write_end);

#endif
