/* last_walk.h: the previously walked stack, so that unchanged parts are compared instead of unwound.
 *
 *   frame:  [ address | sp | fp | where the caller's pc and fp are stored ]    leaf first; two walks alternate
 *
 * A frame with the same address, sp and fp has the same caller as long as the words at those locations are the same.
 * The comparisons are independent: no load waits for the previous one, as it would if each frame led to its caller. And
 * everything read besides the stack is contiguous.
 *
 * Memory:  the caller's, zeroed at first. The next stack may be any stack, even another thread's: what does not match
 *          is not used.
 * Threads: one at a time. Signals: a handler that interrupts a walk uses other walks.
 */
#ifndef SP_LAST_WALK_H
#define SP_LAST_WALK_H

#include "registers.h"
#include "spprof.h"
#include "stack_memory.h"

typedef struct sp_last_frame {
    uintptr_t address, sp, fp;
    uintptr_t pc_place; /* 0: the caller was found in another way */
    uintptr_t fp_place; /* 0: unchanged */
} sp_last_frame;

typedef struct sp_last_walk {
    size_t count;
    uint32_t rule_version; /* version of the rules used for the walk */
    sp_last_frame frames[SPPROF_STACK_FRAMES_MAX];
} sp_last_walk;

typedef struct sp_last_walks {
    sp_last_walk walks[2];
    unsigned latest;
} sp_last_walks;

/* Return whether the frame leads to the same next frame as in the last walk. */
static inline bool sp_last_frame_leads_on(const sp_last_frame *frame, const sp_stack_memory *stack) {
    uintptr_t pc, fp;
    if (!sp_stack_memory_load_known(stack, frame->pc_place, &pc)) return false;
    if (sp_strip_signature(pc) != frame[1].address) return false;
    return !frame->fp_place || (sp_stack_memory_load_known(stack, frame->fp_place, &fp) && fp == frame[1].fp);
}

#endif
