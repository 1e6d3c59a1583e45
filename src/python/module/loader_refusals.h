/* loader_refusals.h: errors about the engine's library, in the words of the system's loader. Each sets an exception
 * that names the remedy. Threads: with the GIL.
 */
#ifndef SP_LOADER_REFUSALS_H
#define SP_LOADER_REFUSALS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* The file name of the engine's library. */
extern const char sp_library_name[];

/* native="preload", but the library was not preloaded. */
void sp_refuse_preload_with_gil(void);

/* native="patch", but malloc cannot be followed. */
void sp_refuse_patch_with_gil(void);

/* The library that is loaded, at `path`, has another version than this package, whose library is at `own_path`. */
void sp_refuse_library_with_gil(const char *path, const char *version, const char *own_path);

#endif
