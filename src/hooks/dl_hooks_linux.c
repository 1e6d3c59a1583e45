#include "dl_hooks.h"

#include "spprof.h"

void *sp_dl_original_dlopen;
void *sp_dl_original_dlmopen;

/* Called by the hooks, which the architecture's folder holds. */
__attribute__((used, visibility("hidden"))) void sp_dl_hook_expect(void);

void sp_dl_hook_expect(void) {
    spprof_expect_objects();
}
