#include "server.h"

#include "descriptors.h"
#include "own_thread.h"
#include "questions.h"
#include "sockets.h"
#include "spprof.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
#define READING_NS (10000 * MS)  /* to receive a request's head */
#define ASKING_NS (30000 * MS)   /* until Python takes a request */
#define TAKEN_NS (7200000 * MS)  /* until Python answers a request that it took */
#define WRITING_NS (30000 * MS)  /* to write without a byte of progress */
#define WRITTEN_NS (600000 * MS) /* to write a whole answer */
#define DRAINING_NS (2000 * MS)  /* for the client to read the answer */
#define SHORTAGE_NS (1000 * MS)  /* before accepting again after running out of descriptors */
#define DRAINED_MAX (1 << 16)
#define NEVER UINT64_MAX
#define MACHINE_NAME_MAX 256
#define PLAIN_TEXT "text/plain; charset=utf-8"

/* ---- State ---- */

typedef struct place {
    uint32_t number; /* 0: none */
    sp_socket listening;
    bool is_unix;
    uint64_t rests_until_ns; /* not accepting until then, after a shortage of descriptors */
    ino_t file;              /* inode of the socket file created at `path` */
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    char token[SP_HTTP_TOKEN_MAX + 1];
} place;

typedef enum phase { NONE, READING, WAITING, WRITING, DRAINING } phase;

typedef struct connection {
    phase phase;
    sp_socket socket;
    bool is_unix;
    char token[SP_HTTP_TOKEN_MAX + 1]; /* required from the client; "": none */
    uint64_t since_ns, deadline_ns;
    uint64_t question;
    bool is_head; /* this is a HEAD request */
    size_t read;  /* bytes of the head; in DRAINING, bytes discarded */
    sp_buffer answer;
    size_t written;
    char head[SP_HTTP_HEAD_MAX];
} connection;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;    /* protects `places` and the list of connections */
static pthread_mutex_t control = PTHREAD_MUTEX_INITIALIZER; /* the thread's start and end; taken before `lock` */
static place places[SP_SERVER_PLACES];
static connection connections[SP_SERVER_CONNECTIONS];
static uint32_t last_number;
static sp_own_thread thread;
static bool has_thread;        /* protected by `control`: the thread must be joined */
static _Atomic bool is_ending; /* the thread was asked to end */
static _Atomic bool has_ended; /* the thread is no longer running; written under `lock` */
static sp_socket wake_read = {.descriptor = SP_SOCKET_NONE}, wake_write = {.descriptor = SP_SOCKET_NONE};
static sp_server_direct *answer_directly;
static sp_server_alarm *alarm_python;
static char machine[MACHINE_NAME_MAX];

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(SPPROF_CLOCK, &now);
    return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

static void wake(void) {
    int saved_errno = errno;
    pthread_mutex_lock(&lock);
    if (sp_socket_is_ours(&wake_write) && write(wake_write.descriptor, "", 1) < 0) errno = 0; /* full: wakes it */
    pthread_mutex_unlock(&lock);
    errno = saved_errno;
}

/* ---- Connections ---- */

static void close_connection(connection *at) {
    if (at->phase == WAITING) {
        sp_questions_abandon(at->question);
        alarm_python(); /* work in progress on the request can end */
    }
    sp_buffer_free(&at->answer);
    pthread_mutex_lock(&lock);
    sp_socket_close(&at->socket);
    at->phase = NONE;
    pthread_mutex_unlock(&lock);
}

static connection *oldest_in(phase phase) {
    connection *oldest = NULL;
    for (int i = 0; i < SP_SERVER_CONNECTIONS; i++) {
        connection *at = &connections[i];
        if (at->phase == phase && (!oldest || at->since_ns < oldest->since_ns)) oldest = at;
    }
    return oldest;
}

static connection *free_connection(void) {
    for (int i = 0; i < SP_SERVER_CONNECTIONS; i++) {
        if (connections[i].phase == NONE) return &connections[i];
    }
    static const phase order[] = {DRAINING, READING, WRITING};
    for (unsigned i = 0; i < sizeof order / sizeof *order; i++) {
        connection *oldest = oldest_in(order[i]);
        if (!oldest) continue;
        close_connection(oldest);
        return oldest;
    }
    return NULL;
}

static size_t bytes_on_their_way(void) {
    size_t bytes = 0;
    for (int i = 0; i < SP_SERVER_CONNECTIONS; i++) {
        if (connections[i].phase == WRITING) bytes += connections[i].answer.capacity;
    }
    return bytes;
}

static void begin_writing(connection *at) {
    uint64_t now = now_ns();
    at->phase = WRITING;
    at->written = 0;
    at->since_ns = now;
    at->deadline_ns = now + WRITING_NS;
    while (bytes_on_their_way() > SP_SERVER_WRITING_MAX && oldest_in(WRITING) != at)
        close_connection(oldest_in(WRITING));
}

static void answer_with(connection *at, int status, const char *type, const sp_buffer *body, bool is_head) {
    sp_http_answer answer = {.status = status, .type = type, .file_name = "", .fields = "", .length = body->length};
    sp_http_put_head(&at->answer, &answer);
    if (!is_head) sp_buffer_put(&at->answer, body->data, body->length);
    if (at->answer.is_short)
        close_connection(at);
    else
        begin_writing(at);
}

static void refuse(connection *at, int status, bool is_head) {
    sp_buffer body = {0};
    sp_buffer_put_text(&body, sp_http_sentence(status));
    sp_buffer_put_text(&body, "\n");
    answer_with(at, status, PLAIN_TEXT, &body, is_head);
    sp_buffer_free(&body);
}

static bool answer_at_once(connection *at, const sp_http_request *request) {
    sp_buffer body = {0};
    const char *type = PLAIN_TEXT;
    bool is_answered = sp_http_text_is(request->method, "GET") && answer_directly(request, &body, &type);
    if (is_answered && body.is_short)
        refuse(at, 500, request->is_head);
    else if (is_answered)
        answer_with(at, 200, type, &body, request->is_head);
    sp_buffer_free(&body);
    return is_answered;
}

static void ask_python(connection *at, const sp_http_request *request) {
    at->question = sp_questions_ask(request);
    if (at->question == 0) {
        refuse(at, 429, request->is_head);
        return;
    }
    at->phase = WAITING;
    at->is_head = request->is_head;
    at->since_ns = now_ns();
    at->deadline_ns = at->since_ns + ASKING_NS;
    alarm_python();
}

/* Over TCP, every user can connect, and any web page can make a browser connect. */
static int refusal_of(const connection *at, const sp_http_request *request) {
    if (at->is_unix) return 0;
    if (!sp_http_is_own_host(request->host, machine)) return 403;
    return sp_http_has_token(request, at->token) ? 0 : 401;
}

static void handle(connection *at, size_t length) {
    sp_http_request request;
    int status = sp_http_parse(at->head, length, &request);
    if (status == 0) status = refusal_of(at, &request);
    if (status != 0)
        refuse(at, status, request.is_head);
    else if (!answer_at_once(at, &request))
        ask_python(at, &request);
}

static bool is_passing(ssize_t result) {
    return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

static void read_head(connection *at) {
    ssize_t got = recv(at->socket.descriptor, at->head + at->read, sizeof at->head - at->read, 0);
    if (is_passing(got)) return;
    if (got <= 0) {
        close_connection(at);
        return;
    }
    at->read += (size_t)got;
    size_t length = sp_http_head_length(at->head, at->read);
    if (length > 0)
        handle(at, length);
    else if (at->read == sizeof at->head)
        refuse(at, 431, false);
}

/* The client may not have read the whole answer yet. If it has sent more than the head, closing at once would
 * discard the part it has not read. */
static void begin_draining(connection *at) {
    shutdown(at->socket.descriptor, SHUT_WR);
    sp_buffer_free(&at->answer);
    at->phase = DRAINING;
    at->read = 0;
    at->since_ns = now_ns();
    at->deadline_ns = at->since_ns + DRAINING_NS;
}

static void write_answer(connection *at) {
    size_t left = at->answer.length - at->written;
    ssize_t sent = sp_descriptor_send(at->socket.descriptor, at->answer.data + at->written, left);
    if (is_passing(sent)) return;
    if (sent < 0) {
        close_connection(at);
        return;
    }
    at->written += (size_t)sent;
    uint64_t now = now_ns();
    at->deadline_ns = now + WRITING_NS;
    if (at->deadline_ns > at->since_ns + WRITTEN_NS) at->deadline_ns = at->since_ns + WRITTEN_NS;
    if (at->written == at->answer.length) begin_draining(at);
}

static void drain(connection *at) {
    char thrown_away[4096];
    ssize_t got = recv(at->socket.descriptor, thrown_away, sizeof thrown_away, 0);
    if (is_passing(got)) return;
    if (got > 0) at->read += (size_t)got;
    if (got <= 0 || at->read > DRAINED_MAX) close_connection(at);
}

static void fetch_answer(connection *at) {
    sp_question_state state = sp_questions_state(at->question);
    if (state == SP_QUESTION_GONE) {
        at->phase = READING; /* so that close_connection abandons nothing */
        close_connection(at);
    } else if (state == SP_QUESTION_ANSWERED) {
        sp_questions_fetch(at->question, &at->answer);
        begin_writing(at);
    }
}

static void end_wait(connection *at) {
    if (sp_questions_state(at->question) == SP_QUESTION_TAKEN && at->deadline_ns < at->since_ns + TAKEN_NS) {
        at->deadline_ns = at->since_ns + TAKEN_NS;
        return;
    }
    sp_questions_abandon(at->question);
    refuse(at, 503, at->is_head);
}

static void expire(connection *at) {
    if (at->phase == WAITING)
        end_wait(at);
    else
        close_connection(at);
}

static short events_of(const connection *at) {
    switch (at->phase) {
    case READING:
    case DRAINING:
        return POLLIN;
    case WRITING:
        return POLLOUT;
    default:
        return sp_descriptor_end_event();
    }
}

static void act(connection *at, short events) {
    if ((events & POLLNVAL) || !sp_socket_is_ours(&at->socket)) {
        close_connection(at);
        return;
    }
    switch (at->phase) {
    case READING:
        read_head(at);
        break;
    case WRITING:
        write_answer(at);
        break;
    case DRAINING:
        drain(at);
        break;
    case WAITING:
        if (sp_descriptor_has_ended(at->socket.descriptor)) close_connection(at);
        break;
    default:
        break;
    }
}

/* ---- Places ---- */

/* Runs under `lock`, so that no fork comes between creating the descriptor and recording it in the table, where a
 * child finds it. */
static int accept_locked(place *from, connection *to) {
    int error = sp_socket_accept(&from->listening, from->is_unix, &to->socket);
    if (error != 0) return error;
    uint64_t now = now_ns();
    to->phase = READING;
    to->is_unix = from->is_unix;
    to->since_ns = now;
    to->deadline_ns = now + READING_NS;
    to->read = 0;
    memcpy(to->token, from->token, sizeof to->token);
    return 0;
}

static void accept_from(place *from) {
    connection *to = free_connection();
    if (!to) {
        from->rests_until_ns = now_ns() + SHORTAGE_NS;
        return;
    }
    pthread_mutex_lock(&lock);
    int error = from->number && sp_socket_is_ours(&from->listening) ? accept_locked(from, to) : EAGAIN;
    bool is_shortage = error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
    if (is_shortage) from->rests_until_ns = now_ns() + SHORTAGE_NS;
    pthread_mutex_unlock(&lock);
}

/* The program has closed the socket, so remove the place. */
static void forget_place(place *at) {
    pthread_mutex_lock(&lock);
    if (at->number && !sp_socket_is_ours(&at->listening)) at->number = 0;
    pthread_mutex_unlock(&lock);
}

/* ---- The thread ---- */

#define POLLED_MAX (1 + SP_SERVER_PLACES + SP_SERVER_CONNECTIONS)

typedef struct watch {
    struct pollfd polled[POLLED_MAX];
    place *place[POLLED_MAX];
    connection *connection[POLLED_MAX];
    nfds_t count;
    uint64_t until_ns;
} watch;

static struct pollfd *watch_for(watch *to, int descriptor, short events) {
    struct pollfd *at = &to->polled[to->count];
    *at = (struct pollfd){.fd = descriptor, .events = events};
    to->place[to->count] = NULL;
    to->connection[to->count] = NULL;
    to->count++;
    return at;
}

static void watch_place(watch *to, place *at, uint64_t now) {
    if (!at->number) return;
    if (at->rests_until_ns > now) {
        if (at->rests_until_ns < to->until_ns) to->until_ns = at->rests_until_ns;
        return;
    }
    watch_for(to, at->listening.descriptor, POLLIN);
    to->place[to->count - 1] = at;
}

static void watch_connection(watch *to, connection *at) {
    if (at->phase == NONE) return;
    watch_for(to, at->socket.descriptor, events_of(at));
    to->connection[to->count - 1] = at;
    if (at->deadline_ns < to->until_ns) to->until_ns = at->deadline_ns;
}

static void watch_all(watch *to) {
    uint64_t now = now_ns();
    *to = (watch){.until_ns = NEVER};
    watch_for(to, wake_read.descriptor, POLLIN);
    pthread_mutex_lock(&lock);
    for (int i = 0; i < SP_SERVER_PLACES; i++) watch_place(to, &places[i], now);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < SP_SERVER_CONNECTIONS; i++) watch_connection(to, &connections[i]);
}

static int wait_for(watch *watched) {
    if (watched->until_ns == NEVER) return poll(watched->polled, watched->count, -1);
    uint64_t now = now_ns();
    uint64_t left_ms = watched->until_ns > now ? (watched->until_ns - now + MS - 1) / MS : 0;
    return poll(watched->polled, watched->count, (int)left_ms);
}

/* Drain the pipe. Return false if the program has closed it. */
static bool hear(const struct pollfd *pipe) {
    char bytes[64];
    if (pipe->revents == 0) return true;
    if ((pipe->revents & (POLLNVAL | POLLHUP | POLLERR)) || !sp_socket_is_ours(&wake_read)) return false;
    while (read(wake_read.descriptor, bytes, sizeof bytes) > 0) {
    }
    for (int i = 0; i < SP_SERVER_CONNECTIONS; i++) {
        if (connections[i].phase == WAITING) fetch_answer(&connections[i]);
    }
    return true;
}

static void act_on_all(const watch *watched) {
    for (nfds_t i = 1; i < watched->count; i++) {
        short events = watched->polled[i].revents;
        if (events != 0 && watched->connection[i]) act(watched->connection[i], events);
    }
    for (nfds_t i = 1; i < watched->count; i++) {
        short events = watched->polled[i].revents;
        if (events & POLLNVAL && watched->place[i])
            forget_place(watched->place[i]);
        else if (events != 0 && watched->place[i])
            accept_from(watched->place[i]);
    }
    uint64_t now = now_ns();
    for (int i = 0; i < SP_SERVER_CONNECTIONS; i++) {
        if (connections[i].phase != NONE && connections[i].deadline_ns <= now) expire(&connections[i]);
    }
}

static bool is_anything_left_locked(void) {
    for (int i = 0; i < SP_SERVER_PLACES; i++) {
        if (places[i].number) return true;
    }
    for (int i = 0; i < SP_SERVER_CONNECTIONS; i++) {
        if (connections[i].phase != NONE) return true;
    }
    return false;
}

static void close_pipe_locked(void) {
    sp_socket_close(&wake_read);
    sp_socket_close(&wake_write);
}

/* Return whether the thread must end. If a place is added after that, go_on_locked finds that the thread has ended. */
static bool ends_now(void) {
    pthread_mutex_lock(&lock);
    bool is_through = !is_anything_left_locked(), ends = is_through || atomic_load(&is_ending);
    if (is_through) close_pipe_locked();
    if (ends) atomic_store(&has_ended, true);
    pthread_mutex_unlock(&lock);
    return ends;
}

static bool has_pipe_locked(void) {
    if (sp_socket_is_ours(&wake_read) && sp_socket_is_ours(&wake_write)) return true;
    close_pipe_locked();
    return sp_socket_pipe(&wake_read, &wake_write) == 0;
}

/* Recover after the program has closed the pipe that wakes the thread, and perhaps more descriptors. The remaining
 * places, and any that have been added in the meantime, continue with a new pipe. Return false if none can be
 * created; the server then no longer listens on any socket. */
static bool mend_pipe(void) {
    for (int i = 0; i < SP_SERVER_CONNECTIONS; i++) {
        if (connections[i].phase != NONE) close_connection(&connections[i]);
    }
    pthread_mutex_lock(&lock);
    bool is_mended = has_pipe_locked();
    for (int i = 0; i < SP_SERVER_PLACES; i++) {
        if (!places[i].number || (is_mended && sp_socket_is_ours(&places[i].listening))) continue;
        sp_socket_close(&places[i].listening);
        places[i].number = 0;
    }
    if (!is_mended) atomic_store(&has_ended, true);
    pthread_mutex_unlock(&lock);
    return is_mended;
}

static void *run(void *unused) {
    (void)unused;
    static watch watched;
    sp_own_thread_enter(&thread);
    spprof_pause(); /* never resumed: this thread's allocations are not the program's */
    while (!ends_now()) {
        watch_all(&watched);
        int ready = wait_for(&watched);
        if (ready < 0) continue; /* EINTR, ENOMEM */
        if (hear(&watched.polled[0]))
            act_on_all(&watched);
        else if (!mend_pipe())
            break;
    }
    return NULL;
}

static void join_locked(void) {
    if (!has_thread) return;
    sp_own_thread_join(&thread);
    has_thread = false;
}

static bool go_on_locked(void) {
    if (has_thread && !atomic_load(&has_ended)) return true;
    join_locked();
    pthread_mutex_lock(&lock);
    bool has_pipe = has_pipe_locked();
    pthread_mutex_unlock(&lock);
    if (!has_pipe) return false;
    atomic_store(&is_ending, false);
    atomic_store(&has_ended, false);
    has_thread = sp_own_thread_start(&thread, run);
    return has_thread;
}

/* ---- Fork ---- */

static void before_fork(void) {
    pthread_mutex_lock(&control);
    pthread_mutex_lock(&lock);
    sp_questions_hold();
}

static void in_parent(void) {
    sp_questions_let_go();
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&control);
}

static void in_child(void) {
    for (int i = 0; i < SP_SERVER_PLACES; i++) {
        if (places[i].number) sp_socket_close(&places[i].listening);
        places[i].number = 0;
    }
    for (int i = 0; i < SP_SERVER_CONNECTIONS; i++) {
        if (connections[i].phase != NONE) sp_socket_close(&connections[i].socket);
        sp_buffer_free(&connections[i].answer);
        connections[i].phase = NONE;
    }
    close_pipe_locked();
    sp_questions_reset();
    has_thread = false;
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    control = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

/* ---- The interface ---- */

void sp_server_set(sp_server_direct *direct, sp_server_alarm *alarm) {
    static bool done; /* accessed only with the GIL held */
    answer_directly = direct;
    alarm_python = alarm;
    if (!done) pthread_atfork(before_fork, in_parent, in_child);
    done = true;
}

static int add_place(const place *made, uint32_t *number) {
    int error = EMFILE;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < SP_SERVER_PLACES && error != 0; i++) {
        if (places[i].number) continue;
        places[i] = *made;
        *number = places[i].number = ++last_number;
        error = 0;
    }
    pthread_mutex_unlock(&lock);
    return error;
}

/* Remove the file only if it is the one created here: this program, or another one, may have replaced it. */
static void remove_file(const place *at) {
    struct stat status;
    if (at->is_unix && lstat(at->path, &status) == 0 && status.st_ino == at->file) unlink(at->path);
}

static void remove_place(place *at) {
    remove_file(at);
    sp_socket_close(&at->listening);
    at->number = 0;
}

static int begin(place *made, uint32_t *number) {
    pthread_mutex_lock(&control);
    int error = add_place(made, number);
    if (error == 0 && !go_on_locked()) error = EAGAIN;
    pthread_mutex_unlock(&control);
    if (error == EAGAIN)
        sp_server_close(*number);
    else if (error != 0)
        remove_place(made);
    else
        wake();
    return error;
}

int sp_server_listen_at_path(const char *path, uint32_t *number) {
    place made = {.is_unix = true};
    struct stat status;
    int error = sp_socket_listen_at_path(path, &made.listening);
    if (error != 0) return error;
    strcpy(made.path, path);
    if (lstat(path, &status) == 0) made.file = status.st_ino;
    return begin(&made, number);
}

int sp_server_listen_at_port(const char *text, const char *token, uint32_t *number, char *address) {
    place made = {.is_unix = false};
    int error = sp_socket_listen_at_port(text, &made.listening);
    if (error != 0) return error;
    if (gethostname(machine, sizeof machine - 1) != 0) machine[0] = '\0';
    strcpy(made.token, token);
    sp_socket_address(&made.listening, address);
    return begin(&made, number);
}

bool sp_server_close(uint32_t number) {
    bool is_found = false;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < SP_SERVER_PLACES && !is_found; i++) {
        is_found = number != 0 && places[i].number == number;
        if (is_found) remove_place(&places[i]);
    }
    pthread_mutex_unlock(&lock);
    wake();
    return is_found;
}

void sp_server_answered(void) {
    wake();
}

void sp_server_pause(void) {
    pthread_mutex_lock(&control);
    atomic_store(&is_ending, true);
    wake();
    join_locked();
    pthread_mutex_unlock(&control);
}

bool sp_server_go_on(void) {
    pthread_mutex_lock(&control);
    pthread_mutex_lock(&lock);
    bool is_needed = is_anything_left_locked();
    pthread_mutex_unlock(&lock);
    bool goes_on = !is_needed || go_on_locked();
    pthread_mutex_unlock(&control);
    return goes_on;
}
