/* process.h: what proc_pidinfo needs of the other stand-ins. */
#ifndef PROCESS_H
#define PROCESS_H

#include "apple.h"

#include <stdbool.h>
#include <stdint.h>

int threads_list_64(uint64_t *ids, int capacity);
int threads_count(void);
bool thread_describe(int thread_id, void *apple_process_thread);
int mac_process_region(uint64_t address, void *out, int bytes, apple_region_question question);

#endif
