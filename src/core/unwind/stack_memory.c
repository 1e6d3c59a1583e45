#include "stack_memory.h"

#include "memory.h"
#include "spprof.h"
#include "thread.h"

#define PAGE ((uintptr_t)4096)                /* the smallest page size */
#define OWN_STACK_MAX ((uintptr_t)64 << 20)   /* maximum checked at once, with one system call per page */
#define OTHER_STACK_MAX ((uintptr_t)16 << 20) /* maximum followed on any other stack */
#define BELOW_STACK_POINTER 128               /* the space that a leaf function may use below its stack pointer */

static uintptr_t page_of(uintptr_t address) {
    return address & ~(PAGE - 1);
}

static bool is_readable(uintptr_t start, uintptr_t end) {
    for (uintptr_t page = page_of(start); page < end; page += PAGE)
        if (!sp_memory_is_readable(page)) return false;
    return true;
}

/* This is for a thread's first sample, or for one that is deeper than all before. Everything between the stack
 * pointer and the known part of the thread's own stack must be readable. */
static bool find_own(spprof_thread *self, uintptr_t sp) {
    uintptr_t known = self->stack_high ? self->stack_low : sp_thread_stack_top();
    if (sp >= known || known - sp > OWN_STACK_MAX || !is_readable(sp, known)) return false;
    if (!self->stack_high) self->stack_high = known;
    self->stack_low = page_of(sp);
    return true;
}

/* Do not go down to the lowest address the thread has used: another stack that was mistaken for a part of this one
 * may be gone. */
static uintptr_t lowest_used(const spprof_thread *self, uintptr_t sp) {
    return sp - self->stack_low < BELOW_STACK_POINTER ? self->stack_low : page_of(sp - BELOW_STACK_POINTER);
}

static sp_stack_memory other_stack(uintptr_t sp) {
    uintptr_t page = page_of(sp);
    if (!sp_memory_is_readable(sp))
        return (sp_stack_memory){.low = UINTPTR_MAX, .high = sizeof sp}; /* for the stack pointer of a torn context */
    return (sp_stack_memory){.low = page, .high = page + PAGE, .limit = page + OTHER_STACK_MAX};
}

void sp_stack_memory_find(sp_stack_memory *stack, uintptr_t sp) {
    spprof_thread *self = &spprof_this_thread;
    if ((sp >= self->stack_low && sp < self->stack_high) || find_own(self, sp))
        *stack = (sp_stack_memory){.low = lowest_used(self, sp), .high = self->stack_high, .limit = self->stack_high};
    else
        *stack = other_stack(sp);
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
