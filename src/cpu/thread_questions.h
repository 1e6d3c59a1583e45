/* thread_questions.h: the questions that ask threads what they are doing now, and the answers (spprof/thread_stacks.h).
 *
 *   asking:   ask ──────────── signal, with the question's cookie ──► … ◄─ wait ── settle: what was answered, or NONE
 *   handler:                        take: ASKED → AT_WORK ── stack ── answer: AT_WORK → …, and the asking thread wakes
 *
 *   question: [ sequence 16 | stack record >> 3, 45 | what 3 ]       one word: an answer comes whole, or too late
 *
 * If a handler's question has been settled in the meantime, or is now for another thread, the handler finds a different
 * word and releases its stack.
 *
 * Memory:  one mapping, which stays. Threads: one asks at a time; each question has one handler.
 * Signals: sp_thread_questions_take and sp_thread_questions_answer are for handlers.
 * Fork:    sp_thread_questions_forget_all.
 */
#ifndef SP_THREAD_QUESTIONS_H
#define SP_THREAD_QUESTIONS_H

#include "spprof.h"
#include "stack_record.h"

#include <stdatomic.h>

/* This value replaces a session's number in cookies; no session number gets this large. */
#define SP_QUESTIONS_SESSION UINT32_MAX

typedef enum sp_answer {
    SP_ANSWER_NONE, /* not asked */
    SP_ANSWER_ASKED,
    SP_ANSWER_AT_WORK,
    SP_ANSWER_STACK,
    SP_ANSWER_TORN,
    SP_ANSWER_IN_ENGINE,
    SP_ANSWER_SMALL_STACK,
    SP_ANSWER_SMALL_SIGNAL_STACK
} sp_answer;

typedef struct sp_thread_question {
    _Atomic uint64_t word;
    _Atomic uint32_t thread_id;
    spprof_thread_stack told; /* for the asking thread only */
    sp_stack_record *record;  /* for the asking thread only: held, or NULL */
} sp_thread_question;

/* ---- For the asking thread ---- */

/* Create the table of questions. Return false if there is no memory. */
bool sp_thread_questions_create(void);
uint32_t sp_thread_questions_max(void); /* 0: not created */
sp_thread_question *sp_thread_questions_at(uint32_t number);

/* Make the next questions distinguishable from all earlier ones. */
void sp_thread_questions_begin(void);

/* Open a question and return its cookie. Until sp_thread_questions_sent is called, the thread cannot switch to a
 * signal stack that is too small (sp_thread_questions_let_pass). */
uint64_t sp_thread_questions_ask(uint32_t number, uint32_t thread_id);
void sp_thread_questions_sent(void);

/* sp_thread_questions_answers returns how many answers have arrived. sp_thread_questions_wait sleeps until that
 * number is no longer `seen`, for at most `ns` nanoseconds. */
uint32_t sp_thread_questions_answers(void);
void sp_thread_questions_wait(uint32_t seen, uint64_t ns);

bool sp_thread_questions_is_open(uint32_t number);
/* Close the question and return its answer. With SP_ANSWER_STACK, *record receives a record that is held. */
sp_answer sp_thread_questions_settle(uint32_t number, sp_stack_record **record);

/* Forget all questions in a forked child, in which no thread is asking. */
void sp_thread_questions_forget_all(void);

/* ---- For the asked thread ---- */

/* Return false if the question is not, or no longer, for the calling thread. */
bool sp_thread_questions_take(uint32_t cookie);
/* Answer a question. `record` is held, and from now on the asking thread owns that hold. */
void sp_thread_questions_answer(uint32_t cookie, sp_answer answer, sp_stack_record *record);

/* Wait for a signal that is currently being sent to the calling thread. Called by a thread that is now known to have
 * no room for a signal and blocks all signals. */
void sp_thread_questions_let_pass(void);

#endif
