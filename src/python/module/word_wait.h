/* word_wait.h: sleeping until a word changes, or until a moment.
 *
 * Threads: of one process. Fork: nothing is kept.
 * Signals: sp_word_wake_all is async-signal-safe. Both may change errno.
 */
#ifndef SP_WORD_WAIT_H
#define SP_WORD_WAIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Sleep while *word equals `value`, at most until `until` on SPPROF_CLOCK; may return early. Return false if the
 * moment has come. */
bool sp_word_wait(_Atomic uint32_t *word, uint32_t value, const struct timespec *until);

/* Wake all threads that sleep on the word. Call this after changing it. */
void sp_word_wake_all(_Atomic uint32_t *word);

#endif
