/* held_ranks.h: the ranks of the locks that the calling thread holds. Only debug builds have it.
 *
 * Memory:  one word of the thread. Threads: any; each has its own, zeroed at first. Signals: safe.
 */
#ifndef SP_HELD_RANKS_H
#define SP_HELD_RANKS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sp_held_ranks {
    uint32_t lower;        /* below the shards': bit n = rank n */
    uint8_t highest_shard; /* among the shards' */
    uint8_t depth;         /* how many shards are held */
    bool holds_sums;
} sp_held_ranks;
_Static_assert(sizeof(sp_held_ranks) == sizeof(uint64_t), "one word");

sp_held_ranks sp_held_ranks_get(void);
void sp_held_ranks_set(sp_held_ranks ranks);

#endif
