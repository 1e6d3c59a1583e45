#include "symbols_format.h"

#include <string.h>

size_t sp_symbols_first_from(const spprof_symbols_query *query, uint64_t value) {
    size_t low = 0, high = query->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (query->addresses[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t leading_underscores(const sp_symbol_name *name) {
    size_t count = 0;
    while (count < name->length && name->text[count] == '_') count++;
    return count;
}

bool sp_symbols_is_better_name(const sp_symbol_name *one, const sp_symbol_name *other) {
    if (one->length == 0 || other->length == 0) return one->length > 0;
    size_t marks = leading_underscores(one), other_marks = leading_underscores(other);
    if (marks != other_marks) return marks < other_marks;
    if (one->length != other->length) return one->length < other->length;
    return memcmp(one->text, other->text, one->length) < 0;
}

spprof_symbol sp_symbols_tell(spprof_symbols *out, uint64_t start, const sp_symbol_name *name) {
    spprof_symbol told = {start, (uint32_t)out->names_length, (uint32_t)name->length};
    if (out->names_length + name->length <= out->names_capacity)
        memcpy(out->names + out->names_length, name->text, name->length);
    out->names_length += name->length;
    return told;
}
