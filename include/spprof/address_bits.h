/* address_bits.h: how many bits the addresses of a process's code have on Linux. */
#ifndef SPPROF_ADDRESS_BITS_H
#define SPPROF_ADDRESS_BITS_H

#define SPPROF_ADDRESS_BITS 48

#endif
