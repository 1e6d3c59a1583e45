/* this_thread.h: the calling thread's state, on Linux: static TLS, which every library reads by one instruction. */
#ifndef SPPROF_THIS_THREAD_H
#define SPPROF_THIS_THREAD_H

#include "spprof/api.h"
#include "spprof/thread_state.h"

SPPROF_API extern __thread spprof_thread spprof_this_thread __attribute__((tls_model("initial-exec")));

#endif
