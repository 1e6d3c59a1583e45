/* address_bits.h: how many bits the addresses of a process's code have on macOS. Signatures begin right above them. */
#ifndef SPPROF_ADDRESS_BITS_H
#define SPPROF_ADDRESS_BITS_H

#define SPPROF_ADDRESS_BITS 47

#endif
