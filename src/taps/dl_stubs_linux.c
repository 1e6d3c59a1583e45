#include "dl_stubs.h"

#include "spprof.h"

void *sp_dl_stub_original_dlopen;
void *sp_dl_stub_original_dlmopen;

/* Called by the stubs below. */
__attribute__((used, visibility("hidden"))) void sp_dl_stub_note(void);

void sp_dl_stub_note(void) {
    spprof_expect_objects();
}
