#include "untabled.h"

#include "lookup.h"
#include "memory.h"

static bool is_call(uint32_t instruction) {
    bool direct = instruction >> 26 == 0x25;                  /* bl */
    bool indirect = (instruction & 0xFEFFF000) == 0xD63F0000; /* blr, and blraa … blrabz, which authenticate */
    return direct || indirect;
}

bool sp_untabled_is_behind_call(uintptr_t pc) {
    return pc % 4 == 0 && is_call(((const uint32_t *)pc)[-1]);
}

/* ---- The stack pointer ---- */

/* The return address may also be in generated code. */
static bool is_record(const sp_frame *frame, uintptr_t fp, sp_stack_memory *stack) {
    uintptr_t pc;
    if (fp < frame->sp || !sp_stack_memory_load(stack, fp + sizeof fp, &pc)) return false;
    pc = sp_strip_signature(pc);
    return pc % 4 == 0 && sp_memory_is_readable(pc - 4) && is_call(((const uint32_t *)pc)[-1]);
}

/* The pair that the frame pointer points to is at the low end of its frame, so a callee's pair does not show where
 * the caller's frame begins. The caller's own pair does, if the caller's rule says how far the pair is below the
 * frame's end. If there is no rule, the frame is assumed to begin with the pair. */
bool sp_untabled_find_stack_pointer(sp_frame *frame, sp_stack_memory *stack) {
    sp_rule rule = sp_lookup_rule(frame->pc - 1);
    sp_rule_kind kind = sp_rule_kind_of(rule);
    if (kind != SP_RULE_SP && kind != SP_RULE_NO_TABLE) return kind != SP_RULE_SP_LOAD && kind != SP_RULE_EVALUATE;
    uintptr_t sp = frame->fp;
    if (kind == SP_RULE_SP) sp += sp_rule_kept_bytes(rule) + sizeof sp - sp_rule_cfa(rule, &(sp_frame){.sp = 0});
    bool is_pair = kind == SP_RULE_NO_TABLE || (rule & SP_RULE_PAIR);
    bool found = is_pair && sp >= frame->sp && is_record(frame, frame->fp, stack);
    if (found) frame->sp = sp;
    return found || kind == SP_RULE_NO_TABLE;
}

/* ---- Linkage ---- */

/* This is an entry of a procedure linkage table, which linkers do not describe. It jumps to a function, with the
 * return address still in its register. */
static bool is_linkage(uint32_t instruction) {
    return instruction == 0xD503245F ||                /* bti c */
           (instruction & 0x9F00001F) == 0x90000010 || /* adrp x16 */
           (instruction & 0xFFC003FF) == 0xF9400211 || /* ldr x17, [x16, …] */
           (instruction & 0xFFC003FF) == 0x91000210;   /* add x16, x16, … */
}

bool sp_untabled_leads_on(uintptr_t pc) {
    enum { LONGEST = 5, BR_X17 = 0xD61F0220 };
    const uint32_t *code = (const uint32_t *)pc;
    if (pc % sizeof *code != 0 || !sp_memory_is_readable(pc) || !sp_memory_is_readable((uintptr_t)&code[LONGEST - 1]))
        return false;
    unsigned i = 0;
    while (i < LONGEST && is_linkage(code[i])) i++;
    return i < LONGEST && code[i] == BR_X17;
}
