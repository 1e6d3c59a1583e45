/* server.h: the thread that answers requests from outside, over the process's own sockets.
 *
 *   connection:  reading ──► head is there ─┬─► answered at once, without the GIL ─┬─► writing ─► draining ─► closed
 *                   │ malformed: an error   └─► a question for Python (questions.h) ┘
 *                   └ too slow: closed
 *
 * The thread exists only while there is a socket to listen on. It sleeps in the kernel until a client connects; only
 * connections have deadlines. Each connection carries one request.
 *
 * Memory:  static tables, and mapped buffers for answers.
 * Threads: any, one lock. Questions for Python are taken and answered on any thread.
 * Fork:    call sp_server_pause before it and sp_server_go_on after it in the parent, so that the thread does not exist
 *          during the fork. A fork without these calls does no harm. A child closes everything it inherits and does not
 *          listen.
 * Full:    a new connection closes the oldest one still being read, or else the oldest being written;
 *          the same happens if pending answers take more than SP_SERVER_WRITING_MAX;
 *          questions beyond SP_QUESTIONS are answered with 429.
 */
#ifndef SP_SERVER_H
#define SP_SERVER_H

#include "http.h"

#include <stdbool.h>
#include <stdint.h>

#define SP_SERVER_PLACES 8
#define SP_SERVER_CONNECTIONS 64
#define SP_SERVER_WRITING_MAX ((size_t)64 << 20) /* bytes of pending answers */

/* Answers requests that need no GIL: returns true and sets `body` and *type. Called on the server's thread. */
typedef bool sp_server_direct(const sp_http_request *request, sp_buffer *body, const char **type);
/* Called when a request is waiting for Python, or when the client that sent it has disconnected. Called on the
 * server's thread, without the GIL. */
typedef void sp_server_alarm(void);
/* Set both callbacks. Call this once, before the first listen. */
void sp_server_set(sp_server_direct *direct, sp_server_alarm *alarm);

/* Listen at a path, or at a port whose clients need `token`. Return 0 or an errno, as in sockets.h. EMFILE: there
 * are already SP_SERVER_PLACES sockets. EAGAIN: the thread cannot be created. *number identifies the socket, and
 * `address` is where it listens. */
int sp_server_listen_at_path(const char *path, uint32_t *number);
int sp_server_listen_at_port(const char *text, const char *token, uint32_t *number, char *address);
/* Stop listening; requests already begun are finished. Return false if no such socket exists or it has already been
 * closed. The file of a Unix socket is removed if it is ours. */
bool sp_server_close(uint32_t number);

void sp_server_pause(void);
/* Return false if there is no thread. */
bool sp_server_go_on(void);

/* Send the answers that are ready (questions.h) to the waiting clients. */
void sp_server_answered(void);

#endif
