/* macho_machine.h: how a Mach-O file names x86-64. */
#ifndef SP_MACHO_MACHINE_H
#define SP_MACHO_MACHINE_H

#define SP_MACHO_OWN_MACHINE 0x01000007 /* CPU_TYPE_X86_64 */

#endif
