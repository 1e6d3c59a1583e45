/* options.h: the named maxima of options.def, which the environment can override (docs/contracts/python-api.md).
 *
 * Memory:  one static struct.
 * Threads: written by the first start, under its lock; constant afterwards.
 */
#ifndef SP_OPTIONS_H
#define SP_OPTIONS_H

#include <stdint.h>

typedef struct sp_options_values {
#define SP_OPTION(name, initial, variable) uint64_t name;
#include "options.def"
#undef SP_OPTION
} sp_options_values;

extern sp_options_values sp_options;

/* Apply the settings in the environment; a value that is not a positive integer is ignored. */
void sp_options_read_environment(void);

#endif
