#include "thread_questions.h"

#include "futex.h"
#include "memory.h"
#include "options.h"
#include "thread.h"

#define NUMBER_BITS 16
#define WHAT_BITS 3
#define RECORD_BITS 45

static struct {
    sp_thread_question *questions;
    uint32_t capacity, used; /* `used`: written only by the asking thread */
    _Atomic uint32_t sequence;
    _Atomic uint32_t answers;    /* how many answers have arrived; a futex */
    _Atomic uint32_t sending_to; /* the thread to which a signal is currently being sent; 0: none */
} table;

/* ---- Words ---- */

static uint64_t word_of(uint32_t sequence, sp_answer answer, const sp_stack_record *record) {
    uint64_t place = (uint64_t)(uintptr_t)record >> WHAT_BITS; /* records are aligned to 8 bytes */
    return (uint64_t)(uint16_t)sequence << (RECORD_BITS + WHAT_BITS) | place << WHAT_BITS | answer;
}

static sp_answer answer_in(uint64_t word) {
    return (sp_answer)(word & ((1 << WHAT_BITS) - 1));
}

static sp_stack_record *record_in(uint64_t word) {
    uint64_t bits = word & ((UINT64_C(1) << (RECORD_BITS + WHAT_BITS)) - 1);
    return (sp_stack_record *)(uintptr_t)(bits & ~(uint64_t)((1 << WHAT_BITS) - 1));
}

/* ---- For the asking thread ---- */

bool sp_thread_questions_create(void) {
    uint64_t most = UINT64_C(1) << NUMBER_BITS;
    if (table.questions) return true;
    uint32_t capacity = (uint32_t)(sp_options.cpu_threads_max < most ? sp_options.cpu_threads_max : most);
    table.questions = sp_memory_map(capacity * sizeof *table.questions);
    if (table.questions) table.capacity = capacity;
    return table.questions != NULL;
}

uint32_t sp_thread_questions_max(void) {
    return table.capacity;
}

sp_thread_question *sp_thread_questions_at(uint32_t number) {
    return &table.questions[number];
}

void sp_thread_questions_begin(void) {
    atomic_fetch_add(&table.sequence, 1);
}

/* Write `sending_to` first: see sp_thread_questions_let_pass. */
uint64_t sp_thread_questions_ask(uint32_t number, uint32_t thread_id) {
    sp_thread_question *question = &table.questions[number];
    uint32_t sequence = atomic_load(&table.sequence);
    if (number >= table.used) table.used = number + 1;
    atomic_store(&table.sending_to, thread_id);
    atomic_store(&question->thread_id, thread_id);
    atomic_store(&question->word, word_of(sequence, SP_ANSWER_ASKED, NULL));
    return (uint64_t)SP_QUESTIONS_SESSION << 32 | (uint64_t)(uint16_t)sequence << NUMBER_BITS | number;
}

void sp_thread_questions_sent(void) {
    atomic_store(&table.sending_to, 0);
}

uint32_t sp_thread_questions_answers(void) {
    return atomic_load(&table.answers);
}

void sp_thread_questions_wait(uint32_t seen, uint64_t ns) {
    sp_futex_wait_for(&table.answers, seen, ns);
}

bool sp_thread_questions_is_open(uint32_t number) {
    sp_answer answer = answer_in(atomic_load(&table.questions[number].word));
    return answer == SP_ANSWER_ASKED || answer == SP_ANSWER_AT_WORK;
}

sp_answer sp_thread_questions_settle(uint32_t number, sp_stack_record **record) {
    uint64_t word = atomic_exchange(&table.questions[number].word, SP_ANSWER_NONE);
    *record = record_in(word);
    return answer_in(word);
}

void sp_thread_questions_forget_all(void) {
    atomic_store(&table.sending_to, 0);
    for (uint32_t number = 0; number < table.used; number++) {
        sp_stack_record *answered, *settled = table.questions[number].record;
        table.questions[number].record = NULL;
        sp_thread_questions_settle(number, &answered);
        if (answered) sp_stack_release(answered);
        if (settled) sp_stack_release(settled);
    }
}

/* ---- For the asked thread ---- */

static sp_thread_question *question_of(uint32_t cookie) {
    uint32_t number = cookie & ((UINT32_C(1) << NUMBER_BITS) - 1);
    return number < table.capacity ? &table.questions[number] : NULL;
}

/* A forged cookie may name any question, so check that the question is this thread's. */
bool sp_thread_questions_take(uint32_t cookie) {
    sp_thread_question *question = question_of(cookie);
    uint64_t asked = word_of(cookie >> NUMBER_BITS, SP_ANSWER_ASKED, NULL);
    return question && atomic_load(&question->thread_id) == sp_thread_kernel_id() &&
           atomic_compare_exchange_strong(&question->word, &asked,
                                          word_of(cookie >> NUMBER_BITS, SP_ANSWER_AT_WORK, NULL));
}

void sp_thread_questions_answer(uint32_t cookie, sp_answer answer, sp_stack_record *record) {
    uint64_t at_work = word_of(cookie >> NUMBER_BITS, SP_ANSWER_AT_WORK, NULL);
    uint64_t answered = word_of(cookie >> NUMBER_BITS, answer, record);
    if (!atomic_compare_exchange_strong(&question_of(cookie)->word, &at_work, answered)) {
        if (record) sp_stack_release(record);
        return;
    }
    atomic_fetch_add(&table.answers, 1);
    sp_futex_wake_one(&table.answers);
}

/* The asking thread first writes which thread it is sending to, and then checks the list of small stacks. This
 * thread first enters the list, and then checks which thread is being sent to. So one of the two sees what the other
 * wrote. */
void sp_thread_questions_let_pass(void) {
    while (atomic_load(&table.sending_to) == sp_thread_kernel_id()) sp_thread_pause();
}
