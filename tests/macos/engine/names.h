/* names.h: the functions in a stack, as snapshots name them: with the symbols in the files of the objects. */
#ifndef NAMES_H
#define NAMES_H

#include "spprof.h"

#define NAMES_MAX 64
#define NAME_SIZE 64

typedef struct names {
    uint32_t count;
    char name[NAMES_MAX][NAME_SIZE]; /* leaf first; "?" if no function covers the address */
    bool truncated;
} names;

names names_of(const spprof_stack *stack);

/* Return whether these names, ended by NULL, are in the stack, one directly after the other. */
bool names_include(const names *stack, const char *const *wanted);

void names_print(const names *stack);

#endif
