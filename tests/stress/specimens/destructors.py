"""Allocations in destructors of threads, libraries and the program, and in exit handlers, do no harm."""

from rounds import MODE, SHORT, check, compiled, finish, rounds, run_program

THREADS = 100 if SHORT else 1000

program = compiled("destructors")
threads = 0
for number in rounds():
    rate = (0, 1024, 64 * 1024, None)[number % 4]
    finished = run_program([program, str(THREADS)], MODE, rate, status=5)
    check(not finished.stdout and not finished.stderr, str(finished))
    threads += THREADS
finish(threads=threads)
