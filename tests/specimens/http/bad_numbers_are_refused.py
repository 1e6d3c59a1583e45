import spprof
from asking import get, refused
from spprof import _engine, memprof

memprof.start()
BAD = ("-1", "x", "1e3", "inf", "nan", "3600.1", "1.2.3", ".", "1_0", "٣", "9" * 400, "%00", "+5")
for number in BAD:
    for path in ("/heap", "/allocs", "/profile"):
        assert refused(get(path, f"seconds={number}"), 400, "seconds must be a number from"), (path, number)
assert refused(get("/heap", "seconds=0"), 400)
assert refused(get("/heap", "debug=x"), 400)
assert refused(get("/profile", "mode=x"), 400, "cpu or wall")
for number in ("0", "0.9", "1000.1", "x"):
    assert refused(get("/profile", f"interval_ms={number}"), 400, "interval_ms")
assert not _engine.cpu_is_active()
step = get("/profile", "seconds=3600&seconds=x&unknown=%zz&&=5&%73econds=1")
assert step.seconds == 3600, "the first of a name counts, and unknown ones do not"
step.abandon()
assert get("/heap", "seconds=&debug=0&gc=1").status == 200, "empty means the default"
assert not spprof.is_active()
