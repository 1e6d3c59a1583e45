/* macho_machine.h: how a Mach-O file names aarch64. */
#ifndef SP_MACHO_MACHINE_H
#define SP_MACHO_MACHINE_H

#define SP_MACHO_OWN_MACHINE 0x0100000C /* CPU_TYPE_ARM64, of which arm64e is a subtype */

#endif
