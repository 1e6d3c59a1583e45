"""Under SPPROF: profiles started by a recorder are served, and others cannot stop them."""

import spprof
from asking import get, post, profile_in, refused, sums
from of_cpu import busy
from spprof import memprof


def meanwhile():
    busy()


assert memprof.is_active() and spprof.is_active()
for query in ("heap", "cpu", "heap&cpu"):
    assert refused(post("/stop", query), 409, "was started by spprof run or SPPROF")
    assert refused(post("/start", query), 409, "is already running")
kept = bytes(100_000_000)
assert sums(profile_in(get("/heap")))["inuse_space"] >= 100_000_000
step = get("/profile", "seconds=5")
meanwhile()
assert sums(profile_in(step), "meanwhile")["samples"] >= 5
assert sums(profile_in(get("/profile", "seconds=0")), "meanwhile")["samples"] >= 5
assert memprof.is_active() and spprof.is_active()
