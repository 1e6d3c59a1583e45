#include "untabled.h"

/* Return the length of an indirect call whose operand begins with these two bytes; 0 if it is another instruction. */
static unsigned indirect_call_length(uint8_t operand, uint8_t index) {
    unsigned mode = operand >> 6, base = operand & 7;
    bool has_index = mode < 3 && base == 4;
    bool is_far = mode == 2 || (mode == 0 && (base == 5 || (has_index && (index & 7) == 5)));
    bool is_call = (operand >> 3 & 7) == 2;
    return is_call ? 2 + has_index + (is_far ? 4 : mode == 1) : 0;
}

static bool is_behind_indirect_call(const uint8_t *code) {
    for (unsigned length = 2; length <= 7; length++)
        if (code[-(int)length] == 0xFF && indirect_call_length(code[1 - (int)length], code[2 - (int)length]) == length)
            return true;
    return false;
}

static bool is_behind_direct_call(const uint8_t *code) {
    return code[-5] == 0xE8;
}

bool sp_untabled_is_behind_call(uintptr_t pc) {
    return is_behind_direct_call((const uint8_t *)pc) || is_behind_indirect_call((const uint8_t *)pc);
}

/* The sp is already correct: just above what the frame pointer points to. */
bool sp_untabled_find_stack_pointer(sp_frame *frame, sp_stack_memory *stack) {
    (void)frame, (void)stack;
    return true;
}

/* Calls push the return address; it is never in a register. */
bool sp_untabled_leads_on(uintptr_t pc) {
    (void)pc;
    return false;
}
