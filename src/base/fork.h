/* fork.h: being told of a fork. */
#ifndef SP_FORK_H
#define SP_FORK_H

/* Around every fork (not vfork, posix_spawn or a bare clone): `before` and `in_parent` on the forking thread,
 * `in_child` on the child's only one. Any may be NULL. */
void sp_fork_call(void (*before)(void), void (*in_parent)(void), void (*in_child)(void));

#endif
