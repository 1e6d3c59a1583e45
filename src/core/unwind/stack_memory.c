#include "stack_memory.h"

#include "memory.h"
#include "spprof.h"
#include "thread.h"

#define PAGE ((uintptr_t)4096)                /* the smallest there are */
#define OWN_STACK_MAX ((uintptr_t)64 << 20)   /* what is asked for at once, a system call for each page */
#define OTHER_STACK_MAX ((uintptr_t)16 << 20) /* what is followed of any other */

static uintptr_t page_of(uintptr_t address) {
    return address & ~(PAGE - 1);
}

static bool is_readable(uintptr_t start, uintptr_t end) {
    for (uintptr_t page = page_of(start); page < end; page += PAGE)
        if (!sp_memory_is_readable(page)) return false;
    return true;
}

/* The nearest end above `sp`; 0: none that a stack could reach. */
static uintptr_t nearest_top(uintptr_t sp) {
    uintptr_t tops[SP_THREAD_STACK_TOPS], nearest = 0;
    sp_thread_stack_tops(tops);
    for (int i = 0; i < SP_THREAD_STACK_TOPS; i++)
        if (tops[i] > sp && (nearest == 0 || tops[i] < nearest)) nearest = tops[i];
    return nearest != 0 && nearest - sp <= OWN_STACK_MAX ? nearest : 0;
}

/* A thread's first sample, or a deeper one than before: between the stack pointer and what is known of the thread's own
 * stack nothing may be missing. */
static bool find_own(spprof_thread *self, uintptr_t sp) {
    uintptr_t known = self->stack_high ? self->stack_low : nearest_top(sp);
    if (sp >= known || known - sp > OWN_STACK_MAX || !is_readable(sp, known)) return false;
    if (!self->stack_high) self->stack_high = known;
    self->stack_low = page_of(sp);
    return true;
}

void sp_stack_memory_find(sp_stack_memory *stack, uintptr_t sp) {
    spprof_thread *self = &spprof_this_thread;
    if ((sp >= self->stack_low && sp < self->stack_high) || find_own(self, sp)) {
        *stack = (sp_stack_memory){.low = self->stack_low, .high = self->stack_high, .limit = self->stack_high};
        return;
    }
    *stack = (sp_stack_memory){.low = page_of(sp), .high = page_of(sp) + PAGE, .limit = page_of(sp) + OTHER_STACK_MAX};
}

bool sp_stack_memory_extend_slow(sp_stack_memory *stack, uintptr_t address) {
    if (address < stack->low || address >= stack->limit || stack->limit - address < sizeof address) return false;
    while (stack->high - sizeof address < address) {
        if (!sp_memory_is_readable(stack->high)) {
            stack->limit = stack->high;
            return false;
        }
        stack->high += PAGE;
    }
    return true;
}
