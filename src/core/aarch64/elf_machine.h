/* elf_machine.h: how ELF headers number this architecture. */
#ifndef SP_ELF_MACHINE_H
#define SP_ELF_MACHINE_H

#define SP_ELF_OWN_MACHINE 183

#endif
