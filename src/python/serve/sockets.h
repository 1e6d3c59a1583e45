/* sockets.h: the sockets on which the process answers requests: a Unix socket or a TCP port.
 *
 *   path ──────► bound (0600) ──► listening ─┐
 *   host:port ─► bound ─────────► listening ─┴─► accept: a connection; on a Unix socket, only from this user or root
 *
 * Descriptors are closed by exec, do not block, and have high numbers, because programs expect the low ones to be free.
 * The inode (descriptors.h) shows whether a descriptor is still ours: a program may close descriptors that it does not
 * know about, and then open another file under that number.
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

/* Return whether the descriptor is still ours. */
bool sp_socket_is_ours(const sp_socket *socket);
/* Close the descriptor, unless it is no longer ours. */
void sp_socket_close(sp_socket *socket);

/* Return 0 or an errno. ENAMETOOLONG: the path exceeds the kernel's limit of 107 bytes (103 on macOS). EADDRINUSE: the
 * path exists; a socket on which no process is listening any longer is replaced. (On macOS, so is one on which more
 * than 64 clients wait to be accepted: the kernel refuses both in the same way.) */
int sp_socket_listen_at_path(const char *path, sp_socket *socket);

/* Accept "127.0.0.1:6060", "[::1]:0", ":6060" (every address) or "localhost:6060". EINVAL: `address` is not a
 * numeric address and a port. */
int sp_socket_listen_at_port(const char *address, sp_socket *socket);

/* Return a port's address, for example "127.0.0.1:6060". If port 0 was requested, it contains the port that was
 * chosen. */
#define SP_SOCKET_ADDRESS_MAX 64
void sp_socket_address(const sp_socket *socket, char address[SP_SOCKET_ADDRESS_MAX]);

/* Return 0 or an errno. EPERM: the client belongs to another user; the connection is closed. */
int sp_socket_accept(const sp_socket *listening, bool is_unix, sp_socket *connection);

/* Create a pipe. */
int sp_socket_pipe(sp_socket *read_end, sp_socket *write_end);

#endif
