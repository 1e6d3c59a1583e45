/* own_visibility.h: the visibility of the engine's exported names while the engine is built, on macOS. */
#ifndef SPPROF_OWN_VISIBILITY_H
#define SPPROF_OWN_VISIBILITY_H

#define SPPROF_OWN_VISIBILITY "default" /* with two-level namespaces, our own calls are direct anyway */

#endif
