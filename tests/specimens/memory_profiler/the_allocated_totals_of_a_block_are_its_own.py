import json

import spprof.memprof as memprof


def hold():
    return bytearray(1_000_100)


with memprof.MemoryProfiler(0) as first:
    for _ in range(5):
        hold()
with memprof.MemoryProfiler(0) as second:
    for _ in range(2):
        hold()


def allocated(snapshot):
    snapshot.save("profile.json")
    document = json.load(open("profile.json"))
    names = [frame["name"] for frame in document["shared"]["frames"]]
    profile = document["profiles"][2]
    held = [w for s, w in zip(profile["samples"], profile["weights"]) if "hold" in [names[i] for i in s]]
    return sum(held) // 100_000


assert (allocated(first.snapshot), allocated(second.snapshot)) == (50, 20)
assert allocated(memprof.get_snapshot()) == 70
