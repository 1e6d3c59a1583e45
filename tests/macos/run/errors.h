/* errors.h: errno for code that expects Apple's numbers.
 *
 *   glibc's call fails ──► errno, Linux's number ──► __error(): translated into the thread's Apple errno, and cleared
 *
 * Threads, signals: any.
 */
#ifndef ERRORS_H
#define ERRORS_H

int error_to_apple(int error);

#endif
