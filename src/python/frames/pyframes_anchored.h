/* pyframes_anchored.h: two functions that the walk template needs, for layouts in which every call of the evaluation
 * loop has an anchor and every frame knows its caller. Only 3.9 defines them itself. Include this once, before
 * pyframes_walk.h.
 */
static inline bool has_lost_callers(const frame *at) {
    (void)at;
    return false;
}

static size_t evaluation_code(spprof_code_range *ranges, size_t capacity) {
    (void)ranges, (void)capacity;
    return 0;
}
