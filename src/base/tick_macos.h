/* tick_macos.h: what tick_macos.c finds out for signal_frame_macos.c. */
#ifndef SP_TICK_MACOS_H
#define SP_TICK_MACOS_H

#include <stdint.h>

/* Return the address that handlers return to, in libsystem_platform's _sigtramp, which that library does not export; 0
 * before the first tick. Threads, signals: any. */
uintptr_t sp_tick_return_address(void);

#endif
