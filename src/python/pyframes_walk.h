/* pyframes_walk.h: the walk that all frame layouts share. Included once, at the end of a pyframes_3NN.c, which defines
 *
 *   frame                        one interpreter frame
 *   own_frame() -> frame *       the innermost of the calling thread, NULL if none
 *   previous_frame(f) -> frame * its caller, NULL at the root
 *   shown_code(f) -> code *      NULL: not a frame that a traceback would show
 *   frame_position(f, code)      in the unit of that version's line table
 *
 * An allocation is a point where the interpreter has its frames in order: unlike a signal it cannot fall between the two
 * stores that link a frame. A frame is linked after its arguments are in place and unlinked before it is cleared; what
 * happens in between is the layouts' business.
 */
#include "pycode.h"
#include "pyframes.h"

size_t sp_pyframes_walk(uint64_t *frames, size_t capacity, bool *cut) {
    size_t count = 0;
    for (frame *at = own_frame(); at != NULL; at = previous_frame(at)) {
        PyCodeObject *code = shown_code(at);
        if (code == NULL) continue;
        if (count == capacity) {
            *cut = true;
            break;
        }
        uint32_t id = sp_pycode_id(code);
        if (id == 0) return SIZE_MAX;
        frames[count++] = spprof_frame_interpreted(id, frame_position(at, code));
    }
    return count;
}
