/* frames.h: calls through functions whose frames are described in each of the ways that a compiler for macOS uses.
 *
 *   framed_outer ─► framed_middle ─► framed_inner ─► work     a frame pointer
 *   frameless_outer ─► …                                      pushes and a constant; 4 KiB in frameless_middle, whose
 *                                                             size does not fit in a compact description
 *   dwarf_frame ─► work                                       by a row in __eh_frame only
 */
#ifndef FRAMES_H
#define FRAMES_H

typedef void *frames_work(void *data);

void *framed_outer(frames_work *work, void *data);
void *frameless_outer(frames_work *work, void *data);
void *dwarf_frame(frames_work *work, void *data);

#endif
