/* pyframes_units.h: a frame's position in its code, counted in code units, for the layouts from 3.11 on. Include it
 * once, before pyframes_walk.h, after the layout has defined
 *
 *   frame                     one interpreter frame
 *   frame_pc(f)               its position in its code; in a new frame, up to one code unit before the code
 *
 * Memory:  positions are read from the frame alone, because its code pointer may be invalid (pyframes_tick.h).
 */
#include "pylines.h"

/* Return −1 for a new frame. */
static inline ptrdiff_t frame_index(const frame *at, const PyCodeObject *code) {
    ptrdiff_t begin = offsetof(PyCodeObject, co_code_adaptive), unit = sizeof(_Py_CODEUNIT);
    return ((const char *)frame_pc(at) - (const char *)code - begin) / unit;
}

static inline uint32_t frame_position(const frame *at, const PyCodeObject *code) {
    ptrdiff_t index = frame_index(at, code);
    return index < 0 ? 0 : (uint32_t)index;
}

/* Until its first traceable instruction, a frame is still being set up (cells, the generator object). Allocations
 * made during that time belong to the caller. */
static inline bool is_being_set_up(const frame *at, const PyCodeObject *code) {
    return at->owner != FRAME_OWNED_BY_GENERATOR && frame_index(at, code) < code->_co_firsttraceable;
}

int sp_pyframes_line(const spprof_code *code, uint32_t position) {
    return sp_pylines_runs(code, position);
}
