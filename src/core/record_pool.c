#include "record_pool.h"

#define SMALLEST 8
#define ADDRESS_BITS 45
#define ADDRESS_MASK ((UINT64_C(1) << ADDRESS_BITS) - 1)

/* There are four classes per doubling. The top three bits of count − 1 and the number of bits after them determine
 * the class. */
static unsigned class_of(uint32_t frames) {
    if (frames <= SMALLEST) return 0;
    unsigned below = 29 - (unsigned)__builtin_clz(frames - 1);
    return (below - 1) * 4 + ((frames - 1) >> below) - 3;
}

static uint32_t capacity_of(unsigned size_class) {
    unsigned below = (size_class + 3) / 4;
    return size_class == 0 ? SMALLEST : ((size_class - 1) % 4 + 5) << below;
}

static sp_stack_record *first_of(uint64_t head) {
    return (sp_stack_record *)(uintptr_t)((head & ADDRESS_MASK) << 3);
}

/* Return the head that replaces `head` and points to `record`. */
static uint64_t head_after(uint64_t head, sp_stack_record *record) {
    return (head & ~ADDRESS_MASK) + (UINT64_C(1) << ADDRESS_BITS) + ((uint64_t)(uintptr_t)record >> 3);
}

/* By the time the record's `next` is read, another thread may have taken the record; then the tag has changed too. */
static sp_stack_record *pop(_Atomic uint64_t *list) {
    uint64_t head = atomic_load_explicit(list, memory_order_acquire);
    for (;;) {
        sp_stack_record *record = first_of(head);
        if (!record) return NULL;
        sp_stack_record *next = atomic_load_explicit(&record->next, memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(list, &head, head_after(head, next), memory_order_acquire,
                                                  memory_order_acquire))
            return record;
    }
}

#define CLASSES_ABOVE 4

sp_stack_record *sp_record_pool_take(sp_record_pool *pool, uint32_t frames) {
    unsigned own = class_of(frames);
    for (unsigned i = own; i < SP_RECORD_CLASSES && i <= own + CLASSES_ABOVE; i++) {
        sp_stack_record *record = pop(&pool->free[i]);
        if (record) return record;
    }
    sp_stack_record *fresh =
        sp_arena_allocate(&pool->arena, sizeof(sp_stack_record) + capacity_of(own) * sizeof(uint64_t));
    if (fresh) fresh->size_class = (uint8_t)own;
    return fresh;
}

void sp_record_pool_give(sp_record_pool *pool, sp_stack_record *record) {
    _Atomic uint64_t *list = &pool->free[record->size_class];
    atomic_store_explicit(&record->id, 0, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(list, memory_order_relaxed);
    do atomic_store_explicit(&record->next, first_of(head), memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(list, &head, head_after(head, record), memory_order_release,
                                                  memory_order_relaxed));
}
