/* own_visibility.h: the visibility of the engine's exported names while the engine is built, on Linux. */
#ifndef SPPROF_OWN_VISIBILITY_H
#define SPPROF_OWN_VISIBILITY_H

#define SPPROF_OWN_VISIBILITY "protected" /* our own calls are direct */

#endif
