#include "errors.h"

#include <errno.h>

static __thread int apple_errno;

/* Pairs of Linux's and Apple's numbers; up to 34, only EAGAIN differs. */
static const int pairs[][2] = {
    {EAGAIN, 35},       {EINPROGRESS, 36},  {EALREADY, 37},      {ENOTSOCK, 38},        {EDESTADDRREQ, 39},
    {EMSGSIZE, 40},     {EPROTOTYPE, 41},   {ENOPROTOOPT, 42},   {EPROTONOSUPPORT, 43}, {EOPNOTSUPP, 45},
    {EAFNOSUPPORT, 47}, {EADDRINUSE, 48},   {EADDRNOTAVAIL, 49}, {ENETDOWN, 50},        {ENETUNREACH, 51},
    {ECONNABORTED, 53}, {ECONNRESET, 54},   {ENOBUFS, 55},       {EISCONN, 56},         {ENOTCONN, 57},
    {ETIMEDOUT, 60},    {ECONNREFUSED, 61}, {ELOOP, 62},         {ENAMETOOLONG, 63},    {EHOSTUNREACH, 65},
    {ENOTEMPTY, 66},    {ENOLCK, 77},       {ENOSYS, 78},        {EOVERFLOW, 84},       {ECANCELED, 89},
    {EILSEQ, 92},       {EDEADLK, 11},
};

int error_to_apple(int error) {
    for (unsigned i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i][0] == error) return pairs[i][1];
    return error;
}

/* glibc never sets errno to 0, so another value has been set since the last call. */
int *mac___error(void) {
    if (errno != 0) {
        apple_errno = error_to_apple(errno);
        errno = 0;
    }
    return &apple_errno;
}
