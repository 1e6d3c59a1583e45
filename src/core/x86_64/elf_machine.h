/* elf_machine.h: the number of this architecture in ELF headers. */
#ifndef SP_ELF_MACHINE_H
#define SP_ELF_MACHINE_H

#define SP_ELF_OWN_MACHINE 62

#endif
