/* futex.h: sleeping until a word changes. Threads: any. May change errno. */
#ifndef SP_FUTEX_H
#define SP_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

/* Sleep while *word equals `value`; may return early. */
void sp_futex_wait(_Atomic uint32_t *word, uint32_t value);
/* Like sp_futex_wait(), but for at most `ns` nanoseconds. */
void sp_futex_wait_for(_Atomic uint32_t *word, uint32_t value, uint64_t ns);
void sp_futex_wake_one(_Atomic uint32_t *word);

#endif
