/* descriptors.h: what differs between systems about the descriptors of sockets.h, which uses these functions.
 *
 * Descriptors made here are closed by exec and do not block. On macOS no call makes them so at once: a program that
 * another thread starts at that moment may inherit one.
 *
 * Memory:  none, but for 1 KiB of stack. Threads: any. Functions that return a descriptor or 0 return -1 with errno set
 *          if they fail.
 */
#ifndef SP_DESCRIPTORS_H
#define SP_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Get a number by which the kernel distinguishes the open file from others: its inode. A TCP socket has none on macOS:
 * a number made from its address and its generation in the kernel. Return false if nothing is open there. */
bool sp_descriptor_inode(int descriptor, ino_t *inode);

int sp_descriptor_pipe(int ends[2]);
int sp_descriptor_socket(int family);
/* A Unix socket's file is accessible only to its owner before anybody can connect. */
int sp_descriptor_bind(int descriptor, const struct sockaddr *address, socklen_t length);
/* Accept a connection. Sending to it raises no SIGPIPE (sp_descriptor_send). */
int sp_descriptor_accept(int listening);
ssize_t sp_descriptor_send(int connection, const char *bytes, size_t length);
/* Get the user at the other end of a Unix socket. Return false if the kernel does not say. */
bool sp_descriptor_peer(int connection, uid_t *user);

/* Return the event that poll must watch for so that the end of a connection wakes it, and, after any event, whether the
 * client has gone. On macOS the event also comes with bytes that the client sends; they are discarded, and a client
 * that sends more than a few is treated as gone. */
short sp_descriptor_end_event(void);
bool sp_descriptor_has_ended(int connection);

#endif
