#include "options.h"

#include <stdlib.h>

sp_options_values sp_options = {
#define SP_OPTION(name, initial, variable) .name = (initial),
#include "options.def"
#undef SP_OPTION
};

static void read_one(uint64_t *option, const char *variable) {
    const char *text = getenv(variable);
    if (!text || *text < '0' || *text > '9') return;
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end == '\0' && value > 0) *option = value;
}

void sp_options_read_environment(void) {
#define SP_OPTION(name, initial, variable) read_one(&sp_options.name, variable);
#include "options.def"
#undef SP_OPTION
}
