/* clock.h: the clock of all times that the engine records, for clock_gettime. On macOS, where CLOCK_MONOTONIC goes on
 * while the machine sleeps, it is the one of time.monotonic().
 */
#ifndef SPPROF_CLOCK_H
#define SPPROF_CLOCK_H

#define SPPROF_CLOCK CLOCK_UPTIME_RAW

#endif
