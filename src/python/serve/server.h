/* server.h: the thread that answers questions from outside, over sockets of the process's own.
 *
 *   connection:  reading ──► head is there ─┬─► answered at once, without the GIL ─┬─► writing ─► draining ─► closed
 *                   │ malformed: an error   └─► a question for Python (questions.h) ┘
 *                   └ too slow: closed
 *
 * There is no thread without a place to listen at. It sleeps in the kernel until somebody connects; only connections
 * have deadlines. One request a connection.
 *
 * Memory:  static tables, and mapped buffers for answers.
 * Threads: any, one lock. What is asked of Python is taken and answered on any thread.
 * Fork:    sp_server_pause before and sp_server_go_on after it in the parent, so that nobody meets the thread there;
 *          a fork that does not call them is survived. A child closes all it inherits and listens nowhere.
 * Full:    the oldest connection that is still being read is closed for a new one, or else the oldest being written;
 *          the same where answers on their way take more than SP_SERVER_WRITING_MAX;
 *          more questions than SP_QUESTIONS are answered with 429.
 */
#ifndef SP_SERVER_H
#define SP_SERVER_H

#include "http.h"

#include <stdbool.h>
#include <stdint.h>

#define SP_SERVER_PLACES 8
#define SP_SERVER_CONNECTIONS 64
#define SP_SERVER_WRITING_MAX ((size_t)64 << 20) /* bytes of answers on their way */

/* What needs no GIL: true, and `body` and *type are the answer. On the server's thread. */
typedef bool sp_server_direct(const sp_http_request *request, sp_buffer *body, const char **type);
/* A question waits for Python, or nobody waits for its answer any more. On the server's thread, without the GIL. */
typedef void sp_server_alarm(void);
/* Once, before the first place. */
void sp_server_set(sp_server_direct *direct, sp_server_alarm *alarm);

/* Listens at a path, or at a port whose clients need `token`. 0 or an errno, as in sockets.h; EMFILE: there are
 * SP_SERVER_PLACES already; EAGAIN: there is no thread. *number names the place, and `address` says where it is. */
int sp_server_listen_at_path(const char *path, uint32_t *number);
int sp_server_listen_at_port(const char *text, const char *token, uint32_t *number, char *address);
/* What was begun there is finished. False: no such place, or not any more. The file of a path goes, if it is ours. */
bool sp_server_close(uint32_t number);

void sp_server_pause(void);
/* False: there is no thread. */
bool sp_server_go_on(void);

/* There is an answer to a question (questions.h): it goes to whoever asked. */
void sp_server_answered(void);

#endif
