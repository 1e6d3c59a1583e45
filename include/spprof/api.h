/* api.h: how the engine exports a symbol. Included by every other header here. */
#ifndef SPPROF_API_H
#define SPPROF_API_H

#include "spprof/own_visibility.h"

/* The extension imports these symbols weakly, so that a foreign libspprof_alloc.so (another version, with other
 * symbols) fails the version check with a clear message instead of the loader's "undefined symbol". */
#if defined(SPPROF_BUILDING_ENGINE)
#define SPPROF_API __attribute__((visibility(SPPROF_OWN_VISIBILITY)))
#else
#define SPPROF_API __attribute__((visibility("default"), weak))
#endif

#endif
