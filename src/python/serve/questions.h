/* questions.h: what was asked over a socket and only Python can answer.
 *
 *   free ──ask──► asked ──take──► taken ──answer──► answered ──fetch──► free
 *                   └────────────────┴─ abandon: whoever asked has gone; taken ones are free once they are answered
 *
 * Memory:  a static table; answers in mapped buffers.
 * Threads: any, one lock, held for moments. No GIL. Signals: not in a handler.
 * Fork:    a child has none: sp_questions_reset.
 * Full:    0.
 */
#ifndef SP_QUESTIONS_H
#define SP_QUESTIONS_H

#include "http.h"

#include <stdbool.h>
#include <stdint.h>

#define SP_QUESTIONS 16

typedef struct sp_question {
    uint64_t id;
    sp_http_text method, path, query; /* until it is answered */
} sp_question;

/* Its id; 0: there are SP_QUESTIONS already. */
uint64_t sp_questions_ask(const sp_http_request *request);
bool sp_questions_any(void);

/* ---- For who answers ---- */

/* The oldest one; false: there is none. */
bool sp_questions_take(sp_question *question);
/* Whether somebody still waits for it. */
bool sp_questions_is_wanted(uint64_t id);
/* The answer's length is that of `body`. False: there is no memory for it, and 500 is the answer; or no such id. */
bool sp_questions_answer(uint64_t id, const sp_http_answer *answer, const char *body);

/* ---- For who asked ---- */

typedef enum sp_question_state {
    SP_QUESTION_GONE, /* no such id */
    SP_QUESTION_ASKED,
    SP_QUESTION_TAKEN,
    SP_QUESTION_ANSWERED
} sp_question_state;
sp_question_state sp_questions_state(uint64_t id);
/* Moves the answer of one that is answered, its head in front, into an empty buffer. */
void sp_questions_fetch(uint64_t id, sp_buffer *answer);
void sp_questions_abandon(uint64_t id);

/* In a forked child: whoever asked is its parent's. */
void sp_questions_reset(void);
/* So that no fork finds the lock held: before one, and after it in the parent. */
void sp_questions_hold(void);
void sp_questions_let_go(void);

#endif
