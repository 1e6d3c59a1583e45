/* own_gate.h: the engine's hidden name for the gate: the hooks read it without the table through which objects find
 * each other's data.
 */
#ifndef SPPROF_OWN_GATE_H
#define SPPROF_OWN_GATE_H

extern struct spprof_gate spprof_own_gate __attribute__((visibility("hidden")));
#define SPPROF_OWN_GATE spprof_own_gate

#endif
