/* check.h: broken invariants.
 *
 * Debug builds (SPPROF_DEBUG) stop immediately. A release build switches the profiler off and leaves the program
 * running; at its first start, the core registers a function that does so.
 *
 * Threads, signals: any.
 */
#ifndef SP_CHECK_H
#define SP_CHECK_H

typedef void sp_check_handler(void);

/* Set what a release build does if an invariant is broken. */
void sp_check_set_handler(sp_check_handler *handler);

void sp_check_failed(const char *condition, const char *file, int line);

#define SP_ASSERT(condition) ((condition) ? (void)0 : sp_check_failed(#condition, __FILE__, __LINE__))

#endif
