/* eh_frame.h: the unwind description of the function that contains an address.
 *
 *   .eh_frame_hdr: [ version | encodings | .eh_frame | count | (start, description) … sorted ]
 *   .eh_frame:     [ CIE: what many functions share ][ FDE: one function ][ FDE ] …
 *
 * Both are untrusted bytes: whatever they contain, reading stays inside the image and ends.
 *
 * Memory:  reads only [image->start, image->end); allocates nothing, keeps no state.
 * Threads, signals: any.
 */
#ifndef SP_EH_FRAME_H
#define SP_EH_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The readable bytes that contain both sections of a loaded object. Nothing outside them is read. */
typedef struct sp_eh_image {
    const uint8_t *start, *end;
    const uint8_t *header; /* .eh_frame_hdr, within them; NULL: none (macOS) */
} sp_eh_image;

#define SP_EH_SEARCHED_MAX (1 << 16) /* about 100 ns per entry: 7 ms */

typedef struct sp_fde {
    uintptr_t pc_start, pc_end;                   /* the function */
    const uint8_t *cie_program, *cie_program_end; /* call frame instructions: the shared ones, then this function's */
    const uint8_t *fde_program, *fde_program_end;
    uint64_t code_alignment;
    int64_t data_alignment;
    uint64_t return_column;   /* register that holds the return address, below SP_REGISTER_COUNT */
    bool signal_frame;        /* 'S': the caller was interrupted and did not call it */
    uint8_t pointer_encoding; /* DW_EH_PE_*, for DW_CFA_set_loc */
} sp_fde;

/* Find the description of the function that contains `pc`. Return false if there is none or if it cannot be read. If
 * the image's table is missing or not of the usual kind (sorted pairs of 4-byte offsets from the header), search the
 * image from its first FDE on, through at most SP_EH_SEARCHED_MAX entries. */
bool sp_eh_frame_find(const sp_eh_image *image, uintptr_t pc, sp_fde *fde);

/* Read the description at `address`. Return false if it cannot be read or does not contain `pc`. */
bool sp_eh_frame_read(const sp_eh_image *image, uintptr_t address, uintptr_t pc, sp_fde *fde);

/* Search the image from the entry at `first` on, through at most SP_EH_SEARCHED_MAX entries. */
bool sp_eh_frame_search(const sp_eh_image *image, uintptr_t first, uintptr_t pc, sp_fde *fde);

#endif
