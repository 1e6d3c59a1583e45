"""Every way to start something, on a system that calls itself macOS. Prints what each raises, then what still works."""

import io
import os
import sys
import warnings

import spprof
import spprof.memprof as memprof
from spprof.cli import startup
from spprof.http.wsgi_application import wsgi
from spprof.pprof.file import read_profile

kept = sys.argv[1]
memprof.start()
held = bytearray(1 << 24)
memprof.get_snapshot().save(kept)
memprof.stop()


def block():
    with memprof.MemoryProfiler():
        pass


def cpu_block():
    with spprof.Profiler():
        pass


def answered(method, path):
    said = []
    body = wsgi(token="")(
        {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": io.BytesIO()}, lambda *start: said.append(start[0])
    )
    raise RuntimeError(f"{said[0]}: {body[0].decode().strip()}")


sys.platform = "darwin"
for start in (
    memprof.start,
    spprof.start,
    spprof.listen,
    lambda: spprof.listen("127.0.0.1:0"),
    block,
    cpu_block,
    lambda: answered("GET", "/stacks"),
    lambda: answered("GET", "/debug/pprof/profile"),
    lambda: answered("POST", "/start"),
):
    try:
        start()
        print("nothing")
    except Exception as error:
        print(type(error).__name__, error)

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(spprof.profile(lambda: "the call goes on")(), [str(one.message) for one in caught])

os.environ["SPPROF"] = "heap,after=9"
startup.main()
print(memprof.is_active(), spprof.is_active(), len(read_profile(kept).samples) > 0)
