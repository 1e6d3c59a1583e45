"""The application is driven by hand on asyncio's loop: lifespan, requests, mounts, tokens, clients that disconnect."""

import asyncio
import json
import sys
import warnings

from asking import read_bytes, sums
from of_cpu import busy
from spprof import _engine, memprof
from spprof.http import asgi

warnings.simplefilter("error")


class Client:
    """Sends a request and collects the response."""

    def __init__(self, path, query="", method="GET", root="", headers=(), body=b""):
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": root,
            "headers": [(b"host", b"x"), *headers],
        }
        self.sent = []
        self._messages = [
            {"type": "http.request", "body": body, "more_body": True},
            {"type": "http.request", "body": b"", "more_body": False},
        ]
        self.goes = asyncio.Event()

    async def receive(self):
        if self._messages:
            return self._messages.pop(0)
        await self.goes.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)

    async def ask(self, application):
        await application(self.scope, self.receive, self.send)
        return self

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def headers(self):
        assert all(isinstance(name, bytes) and name == name.lower() for name, _ in self.sent[0]["headers"])
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self):
        assert [message["type"] for message in self.sent] == ["http.response.start", "http.response.body"]
        return self.sent[1]["body"]


async def ask(application, path, query="", **settings):
    return await Client(path, query, **settings).ask(application)


async def serves(application):
    for root, path in (
        ("", "/debug/pprof/heap"),
        ("", "/heap"),
        ("/debug/pprof", "/debug/pprof/heap"),
        ("/debug/pprof", "/heap"),
        ("/in", "/in/heap"),
        ("/in", "/in/debug/pprof/heap"),
        ("/in", "/heap"),
        ("/in/", "/in/heap"),
    ):
        answer = await ask(application, path, root=root)
        assert answer.status == 200, (root, path)
        assert answer.headers["content-length"] == str(len(answer.body))
        assert sums(read_bytes(answer.body))["inuse_space"] >= 100_000_000
    for root, path, link in (
        ("/in", "/in", "in/heap"),
        ("/in", "/in/", "heap"),
        ("", "/", "heap"),
        ("/in", "", "in/heap"),
    ):
        assert f'href="{link}"' in (await ask(application, path, root=root)).body.decode(), (root, path)
    answer = await ask(application, "/heap", method="HEAD")
    assert answer.body == b"" and int(answer.headers["content-length"]) > 100
    assert (await ask(application, "/inside/heap", root="/in")).status == 404
    answer = await ask(application, "/heap", method="PUT", body=b"x")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    answer = await ask(application, "/start", "cpu=7", method="POST")
    assert json.loads(answer.body)["cpu"] == {"active": True, "interval_ms": 7.0, "mode": "cpu"}
    assert (await ask(application, "/stop", "cpu", method="POST")).status == 200


async def takes_time(application):
    """The loop keeps running in the meantime, and two requests do not interfere."""
    first = asyncio.ensure_future(ask(application, "/debug/pprof/profile", "seconds=0.3&interval_ms=1"))
    while not _engine.cpu_is_active():
        await asyncio.sleep(0.001)
    busy()
    assert (await ask(application, "/debug/pprof/profile")).status == 429
    assert (await ask(application, "/heap")).status == 200
    answer = await first
    assert sums(read_bytes(answer.body), "busy")["cpu"] > 0
    assert not _engine.cpu_is_active()
    difference = asyncio.ensure_future(ask(application, "/heap", "seconds=0.2"))
    answers = await asyncio.gather(*(ask(application, "/heap") for _ in range(8)))
    assert {answer.status for answer in answers} == {200}
    assert (await difference).status == 200


async def clients_go_away(application):
    """If clients disconnect, nothing is sent to them, and no work continues for them."""
    client = Client("/debug/pprof/profile", "seconds=3600")
    asked = asyncio.ensure_future(client.ask(application))
    while not _engine.cpu_is_active():
        await asyncio.sleep(0.001)
    client.goes.set()
    await asked
    assert client.sent == [] and not _engine.cpu_is_active()
    asked = asyncio.ensure_future(ask(application, "/debug/pprof/profile", "seconds=3600"))
    while not _engine.cpu_is_active():
        await asyncio.sleep(0.001)
    asked.cancel()
    try:
        await asked
    except asyncio.CancelledError:
        pass
    else:
        raise AssertionError("it was cancelled")
    while _engine.cpu_is_active():
        await asyncio.sleep(0.001)
    assert (await ask(application, "/heap", "seconds=0.01")).status == 200
    while len(asyncio.all_tasks()) > 1:  # cancelled tasks end
        await asyncio.sleep(0)


async def needs_a_token(application):
    for query, headers, status in (
        ("", (), 401),
        ("token=wrong", (), 401),
        ("token=right", (), 200),
        ("", ((b"Authorization", b"Bearer right"),), 200),
        ("", ((b"authorization", b"Basic right"),), 401),
    ):
        answer = await ask(application, "/heap", query, headers=headers)
        assert answer.status == status, (query, headers)
        assert b"right" not in b"".join(value for _, value in answer.sent[0]["headers"])


async def lives(application):
    messages, sent = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}], []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    await application({"type": "lifespan"}, receive, send)
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    messages.append({"type": "websocket.connect"})
    await application({"type": "websocket"}, receive, send)
    assert sent[-1] == {"type": "websocket.close", "code": 1003}


def on_another_loop(application):
    """A loop other than asyncio's is rejected with a one-sentence error."""
    sent = []

    async def send(message):
        sent.append(message)

    started = application({"type": "http", "method": "GET"}, None, send)
    try:
        started.send(None)
    except StopIteration:
        pass
    assert sent[0]["status"] == 500 and b"asyncio" in sent[1]["body"]


memprof.start()
kept = bytearray(100_000_000)  # certain to be sampled
opened = asgi(token="")
for test in (serves, takes_time, clients_go_away, lives):
    asyncio.run(test(opened))
asyncio.run(needs_a_token(asgi(token="right")))
on_another_loop(opened)
module = sys.modules.pop("asyncio")
on_another_loop(opened)
sys.modules["asyncio"] = module
