#include "describe.h"

bool sp_describe(const sp_object *object, uintptr_t pc, sp_description *found) {
    if (!object->eh_header) return false;
    sp_eh_image image = {.start = object->eh_start, .end = object->eh_end, .header = object->eh_header};
    return sp_eh_frame_find(&image, pc, &found->fde) && sp_cfi_row_at(&image, &found->fde, pc, &found->row);
}

bool sp_describe_function(const sp_object *object, uintptr_t pc, uintptr_t *start, uintptr_t *end) {
    sp_description found;
    if (!sp_describe(object, pc, &found)) return false;
    *start = found.fde.pc_start;
    *end = found.fde.pc_end;
    return true;
}

bool sp_describe_is_first(uintptr_t pc, uintptr_t fp, sp_stack_memory *stack) {
    (void)pc, (void)fp, (void)stack;
    return false;
}
