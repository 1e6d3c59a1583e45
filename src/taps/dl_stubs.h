/* dl_stubs.h: dlopen and dlmopen as patched objects call them.
 *
 * The loader looks at its caller's return address to choose the RUNPATH it searches, so these do not call: they note that
 * the calling thread is about to load something, put the arguments back and jump.
 *
 * Threads: any; the note is the thread's own.
 */
#ifndef SP_DL_STUBS_H
#define SP_DL_STUBS_H

/* Where the stubs jump to. Set before any slot leads to a stub. */
extern void *sp_dl_stub_original_dlopen __attribute__((visibility("hidden")));
extern void *sp_dl_stub_original_dlmopen __attribute__((visibility("hidden")));

void sp_dl_stub_dlopen(void) __attribute__((visibility("hidden")));
void sp_dl_stub_dlmopen(void) __attribute__((visibility("hidden")));

#endif
