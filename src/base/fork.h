/* fork.h: being told of a fork. */
#ifndef SP_FORK_H
#define SP_FORK_H

/* `repair` runs in every child that fork makes, on its only thread (not after vfork, posix_spawn or a bare clone). */
void sp_fork_call_in_child(void (*repair)(void));

#endif
