/* clock.h: the clock of all times that the engine records, for clock_gettime. On Linux, it stands still while the
 * machine is suspended.
 */
#ifndef SPPROF_CLOCK_H
#define SPPROF_CLOCK_H

#define SPPROF_CLOCK CLOCK_MONOTONIC

#endif
