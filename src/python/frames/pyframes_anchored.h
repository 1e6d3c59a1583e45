/* pyframes_anchored.h: the answers of the layouts whose every call of the evaluation loop tells an anchor and whose
 * frames know their callers, to what only an older one has to say more about. Included once, before pyframes_walk.h.
 */
static inline bool has_lost_callers(const frame *at) {
    (void)at;
    return false;
}

static size_t evaluation_code(spprof_code_range *ranges, size_t capacity) {
    (void)ranges, (void)capacity;
    return 0;
}
