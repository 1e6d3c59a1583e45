#include "questions.h"

#include <pthread.h>
#include <string.h>

typedef enum state { FREE, ASKED, TAKEN, ANSWERED } state;

typedef struct entry {
    state state;
    bool is_abandoned, is_head;
    uint64_t id;
    size_t method_length, path_length, query_length;
    sp_buffer answer;
    char text[SP_HTTP_HEAD_MAX]; /* method, path and query, concatenated */
} entry;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static entry entries[SP_QUESTIONS];
static uint64_t last_id;

static entry *with_id(uint64_t id) {
    for (int i = 0; i < SP_QUESTIONS; i++) {
        if (entries[i].state != FREE && entries[i].id == id) return &entries[i];
    }
    return NULL;
}

static void set_free(entry *at) {
    sp_buffer_free(&at->answer);
    at->state = FREE;
    at->is_abandoned = false;
}

/* ---- Asking ---- */

static size_t add_text(entry *to, size_t at, sp_http_text text) {
    memcpy(to->text + at, text.at, text.length);
    return text.length;
}

static void ask(entry *to, const sp_http_request *request) {
    to->method_length = add_text(to, 0, request->method);
    to->path_length = add_text(to, to->method_length, request->path);
    to->query_length = add_text(to, to->method_length + to->path_length, request->query);
    to->is_head = request->is_head;
    to->id = ++last_id;
    to->state = ASKED;
}

uint64_t sp_questions_ask(const sp_http_request *request) {
    uint64_t id = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < SP_QUESTIONS && id == 0; i++) {
        if (entries[i].state != FREE) continue;
        ask(&entries[i], request);
        id = entries[i].id;
    }
    pthread_mutex_unlock(&lock);
    return id;
}

sp_question_state sp_questions_state(uint64_t id) {
    static const sp_question_state told[] = {SP_QUESTION_GONE, SP_QUESTION_ASKED, SP_QUESTION_TAKEN,
                                             SP_QUESTION_ANSWERED};
    pthread_mutex_lock(&lock);
    entry *at = with_id(id);
    sp_question_state found = at ? told[at->state] : SP_QUESTION_GONE;
    pthread_mutex_unlock(&lock);
    return found;
}

void sp_questions_fetch(uint64_t id, sp_buffer *answer) {
    pthread_mutex_lock(&lock);
    entry *at = with_id(id);
    if (at && at->state == ANSWERED) {
        *answer = at->answer;
        at->answer = (sp_buffer){0};
        set_free(at);
    }
    pthread_mutex_unlock(&lock);
}

void sp_questions_abandon(uint64_t id) {
    pthread_mutex_lock(&lock);
    entry *at = with_id(id);
    if (at && at->state == TAKEN)
        at->is_abandoned = true;
    else if (at)
        set_free(at);
    pthread_mutex_unlock(&lock);
}

/* ---- Answering ---- */

static entry *oldest_asked(void) {
    entry *oldest = NULL;
    for (int i = 0; i < SP_QUESTIONS; i++) {
        if (entries[i].state == ASKED && (!oldest || entries[i].id < oldest->id)) oldest = &entries[i];
    }
    return oldest;
}

bool sp_questions_any(void) {
    pthread_mutex_lock(&lock);
    bool any = oldest_asked() != NULL;
    pthread_mutex_unlock(&lock);
    return any;
}

bool sp_questions_take(sp_question *question) {
    pthread_mutex_lock(&lock);
    entry *at = oldest_asked();
    if (at) {
        const char *path = at->text + at->method_length;
        at->state = TAKEN;
        *question = (sp_question){.id = at->id,
                                  .method = {at->text, at->method_length},
                                  .path = {path, at->path_length},
                                  .query = {path + at->path_length, at->query_length}};
    }
    pthread_mutex_unlock(&lock);
    return at != NULL;
}

bool sp_questions_is_wanted(uint64_t id) {
    pthread_mutex_lock(&lock);
    entry *at = with_id(id);
    bool is_wanted = at && !at->is_abandoned;
    pthread_mutex_unlock(&lock);
    return is_wanted;
}

static void put(sp_buffer *to, const sp_http_answer *answer, const char *body, bool is_head) {
    sp_http_put_head(to, answer);
    if (!is_head) sp_buffer_put(to, body, answer->length);
}

static void put_shortage(sp_buffer *to, bool is_head) {
    static const char sentence[] = "there is not enough memory for the answer\n";
    sp_buffer_free(to);
    put(to,
        &(sp_http_answer){.status = 500,
                          .type = "text/plain; charset=utf-8",
                          .file_name = "",
                          .fields = "",
                          .length = sizeof sentence - 1},
        sentence, is_head);
}

bool sp_questions_answer(uint64_t id, const sp_http_answer *answer, const char *body) {
    bool is_whole = false;
    pthread_mutex_lock(&lock);
    entry *at = with_id(id);
    if (at && at->state == TAKEN && at->is_abandoned) {
        set_free(at);
        is_whole = true;
    } else if (at && at->state == TAKEN) {
        put(&at->answer, answer, body, at->is_head);
        is_whole = !at->answer.is_short;
        if (!is_whole) put_shortage(&at->answer, at->is_head);
        at->state = ANSWERED;
    }
    pthread_mutex_unlock(&lock);
    return is_whole;
}

/* ---- Fork ---- */

void sp_questions_hold(void) {
    pthread_mutex_lock(&lock);
}

void sp_questions_let_go(void) {
    pthread_mutex_unlock(&lock);
}

void sp_questions_reset(void) {
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    for (int i = 0; i < SP_QUESTIONS; i++) set_free(&entries[i]);
}
