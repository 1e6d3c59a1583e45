"""Print how much address space the reserve uses, and how much of it is resident, in KiB."""

from spprof import _engine, memprof


def pages():
    """Return the reserve's (mapped, resident) KiB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return [int(word) for word in file.read().split()[:2]]


memprof.start()
memprof.stop()  # a sample may also map memory
pages()
assert _engine.give_reserve_back()
before = pages()
_engine.take_reserve()
after = pages()
print(*(4 * (now - then) for then, now in zip(before, after)))
