/* own_gate.h: the engine's name for the gate, on macOS: the usual one, which a library's own code reads directly. */
#ifndef SPPROF_OWN_GATE_H
#define SPPROF_OWN_GATE_H

#define SPPROF_OWN_GATE spprof_the_gate

#endif
