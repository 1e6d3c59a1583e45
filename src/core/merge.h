/* merge.h: merges native and interpreter frames into one stack.
 *
 *   native:       malloc_caller   list_resize   eval   builtin_map   eval          main
 *   interpreter:                                [f g]                [<module>]
 *   merged:       malloc_caller   list_resize    f g   builtin_map    <module>     main
 *
 * The interpreter's words are groups, each followed by its anchor (spprof_walker). A group replaces the native frame
 * that holds its anchor. Groups whose native frame is not found come last.
 *
 * Memory:  the caller's arrays. Threads, signals: any.
 * Full:    the frames at the leaf are kept, and depth_limited is set.
 */
#ifndef SP_MERGE_H
#define SP_MERGE_H

#include "spprof.h"
#include "unwind.h"

typedef struct sp_interpreter_stack {
    const uint64_t *words;
    size_t count;
    const spprof_code_range *code; /* used for anchors that are 0 */
    size_t code_count;
} sp_interpreter_stack;

typedef struct sp_merged_stack {
    uint64_t *frames;
    size_t capacity, count;
    bool depth_limited;
    bool whole; /* a coroutine's first frame was reached: its callers are not the frames above */
} sp_merged_stack;

/* Return whether a native frame is the profiler's own. From the leaf to the first evaluation frame, such frames and
 * their callees are left out. */
typedef bool sp_is_own(uintptr_t address);

void sp_merge(const sp_native_stack *native, const sp_interpreter_stack *interpreter, sp_is_own *is_own,
              sp_merged_stack *merged);

#endif
