/* fork.h: notifications of forks. */
#ifndef SP_FORK_H
#define SP_FORK_H

/* Register functions to call around every fork (not vfork, posix_spawn or a raw clone): `before` and `in_parent` run
 * on the forking thread, `in_child` on the child's only thread. Any may be NULL. */
void sp_fork_call(void (*before)(void), void (*in_parent)(void), void (*in_child)(void));

#endif
