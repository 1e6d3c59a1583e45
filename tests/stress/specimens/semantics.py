"""Every function in the malloc family behaves like plain libc's: the same calls produce the same transcript."""

from rounds import SHORT, check, compiled, finish, rounds, run_program

THREADS = 3
CALLS = 8_000 if SHORT else 3_500_000
WAYS = [
    ("preload", None),
    ("preload", 0),
    ("preload", 64 * 1024),
    ("preload", 512),
    ("patch", 0),
    ("patch", 64 * 1024),
]

program = compiled("semantics")
calls = 0
for number in rounds():
    # At rate 0 each call is a sample, so fewer calls suffice to detect a change.
    for wanted, ways in ((CALLS, WAYS[:4:2] + WAYS[3:4] + WAYS[5:]), (CALLS // 8, WAYS)):
        command = [program, str(number), str(THREADS), str(wanted)]
        expected = run_program(command, "plain", None).stdout
        check(expected.count("calls") == 11 * THREADS, expected)
        for mode, rate in ways:
            finished = run_program(command, mode, rate)
            check(finished.stdout == expected, f"{mode} at {rate}\n{finished.stdout}\nplain\n{expected}")
            samples, missed = (int(word) for word in finished.stderr.split() if word.isdigit())
            check((samples > 0) is (rate is not None) and missed == 0, f"{mode} at {rate}: {finished.stderr}")
            calls += THREADS * wanted
finish(calls=calls)
