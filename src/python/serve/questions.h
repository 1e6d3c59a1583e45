/* questions.h: questions that came over a socket and that only Python can answer.
 *
 *   free ──ask──► asked ──take──► taken ──answer──► answered ──fetch──► free
 *                   └────────────────┴─ abandon: the client has gone; a taken one becomes free when it is answered
 *
 * Memory:  a static table; answers in mapped buffers.
 * Threads: any; one lock, held briefly. No GIL. Signals: not in a handler.
 * Fork:    a child has no questions: sp_questions_reset.
 * Full:    sp_questions_ask returns 0.
 */
#ifndef SP_QUESTIONS_H
#define SP_QUESTIONS_H

#include "http.h"

#include <stdbool.h>
#include <stdint.h>

#define SP_QUESTIONS 16

typedef struct sp_question {
    uint64_t id;
    sp_http_text method, path, query; /* valid until the question is answered */
} sp_question;

/* Add a question. Return its id, or 0 if there are already SP_QUESTIONS. */
uint64_t sp_questions_ask(const sp_http_request *request);
bool sp_questions_any(void);

/* ---- For the thread that answers ---- */

/* Take the oldest question. Return false if there is none. */
bool sp_questions_take(sp_question *question);
/* Return whether the client is still waiting. */
bool sp_questions_is_wanted(uint64_t id);
/* Store the answer; its length is that of `body`. Return false if there is no such id, or if there is no memory for
 * the answer, which then becomes a 500. */
bool sp_questions_answer(uint64_t id, const sp_http_answer *answer, const char *body);

/* ---- For the thread that asks ---- */

typedef enum sp_question_state {
    SP_QUESTION_GONE, /* no such id */
    SP_QUESTION_ASKED,
    SP_QUESTION_TAKEN,
    SP_QUESTION_ANSWERED
} sp_question_state;
sp_question_state sp_questions_state(uint64_t id);
/* Move the answer of an answered question, including its head, into an empty buffer. */
void sp_questions_fetch(uint64_t id, sp_buffer *answer);
void sp_questions_abandon(uint64_t id);

/* Forget all questions in a forked child: the clients are connected to its parent. */
void sp_questions_reset(void);
/* Hold the lock during a fork, so that the child does not find it locked; release it afterwards in the parent. */
void sp_questions_hold(void);
void sp_questions_let_go(void);

#endif
