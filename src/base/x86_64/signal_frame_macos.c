#include "signal_frame.h"

/* libsystem_platform describes the code that handlers return to (_sigtramp) completely, as a signal's frame. */
bool sp_signal_frame_find(uintptr_t pc, uintptr_t sp, uintptr_t *registers) {
    (void)pc, (void)sp, (void)registers;
    return false;
}

bool sp_signal_frame_is_hidden(uintptr_t pc) {
    (void)pc;
    return false;
}
