import sys

from spprof import memprof

memprof.start()
before = set(sys.modules)
from spprof.http import asgi, wsgi

endpoints = memprof.load("spprof.http.endpoints")
wsgi(token="x"), asgi(token="x")
for path, query in (("/heap", ""), ("/flamegraph", ""), ("/heap", "debug=1"), ("/", "")):
    assert endpoints.answer("GET", path, query).status == 200
for path, query in (("/heap", "seconds=1"), ("/profile", "seconds=1")):
    assert endpoints.answer("GET", path, query).then().status == 200
assert endpoints.answer("POST", "/start", "cpu").status == 200
print(sorted(name for name in set(sys.modules) - before if not name.startswith("spprof")))
