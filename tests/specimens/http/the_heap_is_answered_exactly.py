"""The heap is returned in pprof's format and in Go's legacy text, with every allocation sampled."""

from asking import HEAP_ROW, get, profile_in, refused, sums, text_sums
from spprof import memprof

BLOCK = 1_000_000


def hold(count):
    return [bytes(BLOCK) for _ in range(count)]


assert refused(get("/debug/pprof/heap"), 409, "POST /start?heap=512", "memprof.start()")
assert refused(get("/debug/pprof/heap", "seconds=1"), 409, "not running")
assert refused(get("/flamegraph"), 409, "not running")
memprof.start(0)
kept = hold(7)
hold(3)
for path in ("/debug/pprof/heap", "/heap", "/debug/pprof/allocs", "/allocs"):
    answer = get(path)
    assert answer.body[:2] == b"\x1f\x8b", "packed by gzip"
    assert answer.file_name == path.rpartition("/")[2] + ".pb.gz"
    profile = profile_in(answer)
    found = sums(profile, "hold")
    big = {name: value // BLOCK for name, value in found.items() if name.endswith("space")}
    assert (big["inuse_space"], big["alloc_space"]) == (7, 10), found
    wanted = "alloc_space" if path.endswith("allocs") else "inuse_space"
    assert (profile.default_type, profile.period) == (wanted, 1)
memprof.stop()
text = get("/heap", "debug=1")
assert text.content_type.startswith("text/plain")
told, rows = text_sums(text.body.decode())
assert told == rows
held = [
    block.splitlines()
    for block in text.body.decode().partition("\n")[2].split("\n\n")
    if f"\thold\t{__file__}:" in block
]
found = [tuple(map(int, HEAP_ROW.search(lines[0]).groups()[1:4:2])) for lines in held]
assert tuple(sum(column) // BLOCK for column in zip(*found)) == (7, 10)
again = get("/heap", "debug=1").body.decode().splitlines()
assert all(line in again for lines in held for line in lines[1:]), "the same lines have the same addresses"
page = get("/flamegraph")
assert page.content_type == "text/html; charset=utf-8"
assert b"hold" in page.body
assert b"return [bytes(BLOCK)" not in page.body, "source only where it is asked for"
