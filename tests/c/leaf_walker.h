/* leaf_walker.h: a walker whose stacks have one or two frames. A number that the thread sets distinguishes them. */
#ifndef LEAF_WALKER_H
#define LEAF_WALKER_H

#include "spprof.h"

static __thread uint64_t leaf;

static size_t walk_leaf(uint64_t *frames, size_t capacity, bool *depth_limited) {
    (void)capacity, (void)depth_limited;
    frames[0] = spprof_frame_interpreted((uint32_t)leaf, 0);
    frames[1] = spprof_frame_interpreted((uint32_t)leaf, 1);
    return 1 + leaf % 2;
}

#endif
