/* pylayout.h: checks that the running interpreter lays out its data like the one whose headers this was compiled with.
 *
 *   _PyRuntime.debug_offsets ──► version, free-threaded, the offset of each member that is read here       3.13 on
 *   the innermost frames     ──► our walk and the C API must report the same frames                        always
 *
 * The offsets are compared first, so that the walk reads only members that exist. Before 3.13 there are no offsets: the
 * layout is then that of the minor version, whose releases do not change it.
 *
 * Memory:  creates frame objects for the innermost frames, as a traceback would.
 * Threads: with a GIL. Signals: not called in handlers.
 */
#ifndef SP_PYLAYOUT_H
#define SP_PYLAYOUT_H

#include <stdbool.h>

/* Return false, with an ImportError that gives the remedy, if the layouts differ. */
bool sp_pylayout_check_with_gil(void);

#endif
