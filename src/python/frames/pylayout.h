/* pylayout.h: whether the interpreter that runs lays its data out as the one whose headers this was compiled with.
 *
 *   _PyRuntime.debug_offsets ──► version, free-threaded, the offset of each member that is read here       3.13 on
 *   the innermost frames     ──► what our walk says of them = what the C API says                         always
 *
 * The offsets come first, so that the walk reads nothing that is not there. Before 3.13 there are none: a layout is
 * then that of its minor version, whose releases do not change it.
 *
 * Memory:  creates frame objects of the innermost frames, as asking for a traceback would.
 * Threads: with a GIL. Signals: not called in handlers.
 */
#ifndef SP_PYLAYOUT_H
#define SP_PYLAYOUT_H

#include <stdbool.h>

/* False, with an ImportError that tells what to do: it does not. */
bool sp_pylayout_check_with_gil(void);

#endif
