/* loader_macos.c: functions that need hooks of the loader and of sigaltstack on Linux. On macOS, dyld itself reports
 * loads and unloads (objects.h), and calls of sigaltstack cannot be hooked.
 */
#include "capture.h"
#include "spprof.h"

#include <errno.h>

void spprof_refresh_objects(void) {
    int saved_errno = errno;
    spprof_pause();
    sp_capture_refresh_objects();
    spprof_resume();
    errno = saved_errno;
}

void spprof_follow_signal_stacks(void) {
}
