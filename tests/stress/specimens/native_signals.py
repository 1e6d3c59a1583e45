"""C handlers allocate and free wherever they interrupt the engine, using an allocator that permits this."""

from rounds import MODE, SHORT, compiled, finish, library, rounds, run_program

SIGNALS = 200 if SHORT else 50_000

program, allocator = compiled("signals"), library("ring_allocator")
signals = 0
for number in rounds():
    printed = run_program([program, str(SIGNALS)], MODE, (0, 2048, 64 * 1024)[number % 3], after=allocator).stdout
    signals += int(printed.split()[0])
finish(signals=signals)
