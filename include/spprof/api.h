/* api.h: how the engine exports a symbol. Included by every other header here. */
#ifndef SPPROF_API_H
#define SPPROF_API_H

/* The extension imports weakly, so that a foreign libspprof_alloc.so (another version, other symbols) fails the
 * version check with its message instead of the loader's "undefined symbol". */
#if defined(SPPROF_BUILDING_ENGINE)
#define SPPROF_API __attribute__((visibility("protected"))) /* our own calls are direct */
#else
#define SPPROF_API __attribute__((visibility("default"), weak))
#endif

#endif
