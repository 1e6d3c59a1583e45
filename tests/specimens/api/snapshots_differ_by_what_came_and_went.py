import spprof.memprof as memprof


def grow():
    return bytearray(1_000_100)


def stay():
    return bytearray(5_000_000)


memprof.start(0)
kept, gone = stay(), grow()
earlier = memprof.get_snapshot()
del gone
new = [grow() for _ in range(3)]
memprof.stop()
differences = memprof.get_snapshot().compare(earlier)
first = differences[0]
assert (first.function, first.delta_bytes // 1000, first.significant) == ("grow", 2000, True), differences
assert first.low_bytes == first.delta_bytes == first.high_bytes
assert not [one for one in differences if one.function == "stay"]
