"""Send requests of all kinds to a listening program: it survives, answers the next valid request, and nothing grows.

python tests/fuzz/fuzz_requests.py [--seconds N | --requests N] [--seed N]

    requests ─► bytes flipped, cut, doubled, swapped; heads that are huge, slow or incomplete; paths and numbers of
                all kinds ─► over the Unix socket and the port, with and without the token, while the program forks,
                starts others and allocates
      └─► at the end: valid answers, and the same threads, descriptors and memory as at the start

The same seed sends the same requests. FUZZ_REQUESTS_SECONDS in the environment is the default for --seconds.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
HELPERS = HERE.parent / "helpers"
PROGRAM = HERE.parent / "specimens" / "listen" / "is_asked_while_it_works.py"
TOKEN = "0123456789abcdef"
PATIENCE = 60.0
SHORT_PATIENCE = 0.5
MEMORY_BYTES = 64 << 20
"""Permitted growth of memory after the first tenth. Memory varies because the program samples its heap at random."""
SLOW_MAX = 200
PATHS = (
    "/ /stats /stacks /debug/pprof/ /debug/pprof/heap /debug/pprof/allocs /debug/pprof/heap?debug=1 "
    "/debug/pprof/heap?seconds=0 /debug/pprof/profile?seconds=0 /flamegraph /debug/pprof/cmdline /../../etc/passwd "
    "/%2e%2e/%00 //heap /heap?seconds=-1 /heap?seconds=nan /heap?seconds=1e999 /profile?seconds=99999999999999999999 "
    "/start?heap=0 /start?heap=512&cpu=10 /stop?cpu /stop /start?heap=-5 /start?cpu=0.00001 /stats?token= /stats?&&=&=="
).split()
"""``/stop?heap`` is omitted, because the heap is examined at the end."""
METHODS = ("GET", "GET", "GET", "GET", "HEAD", "POST", "PUT", "get", "DELETE", "OPTIONS", "", "G\0T", "X" * 40)
FIELDS = (
    "Host: localhost\r\n",
    "Host: evil.example\r\n",
    f"Authorization: Bearer {TOKEN}\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: -1\r\n",
    "Content-Length: 18446744073709551616\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: keep-alive\r\n",
    "Expect: 100-continue\r\n",
    ": x\r\n",
    "A\r\n",
    "X: \x00\x01\x02\r\n",
    "X: " + "y" * 3000 + "\r\n",
)
CHEAP = ("/stats", "/nothing", "/debug/pprof/nothing")


def whole(chance: random.Random) -> bytes:
    """Return a request, which may be valid."""
    is_cheap = chance.random() < 0.97
    path = chance.choice(CHEAP) if is_cheap else chance.choice(PATHS)
    method = "GET" if is_cheap and chance.random() < 0.8 else chance.choice(METHODS)
    if chance.random() < 0.7:
        path += ("&" if "?" in path else "?") + "token=" + TOKEN
    fields = ["Host: localhost\r\n"] if chance.random() < 0.9 else []
    fields += chance.choices(FIELDS, k=chance.choice((0, 0, 0, 0, 1, 2, 5)))
    return f"{method} {path} HTTP/1.1\r\n{''.join(fields)}\r\n".encode("latin-1")


def mutated(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((0, 0, 1, 1, 2, 8))):
        at = chance.randrange(len(changed) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            changed[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del changed[at : at + chance.randrange(1, 20)]
        elif kind == 2:
            changed[at:at] = changed[at : at + 50]
        elif kind == 3:
            changed[at:at] = bytes(chance.choices(b"\r\n :?&=/%\0", k=3))
        else:
            changed[at:at] = b"x" * chance.choice((100, 5000, 9000))
    return bytes(changed)


class Fuzzer:
    def __init__(self, program: subprocess.Popen[str], path: str, port: str, seed: int) -> None:
        self.program, self.path, self.port = program, path, int(port)
        self.chance = random.Random(seed)
        self.slow: list[socket.socket] = []
        self.sent = self.answered = 0

    def connected(self) -> socket.socket:
        if self.chance.random() < 0.8:
            made = socket.socket(socket.AF_UNIX)
            made.settimeout(PATIENCE)
            made.connect(self.path)
            return made
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def send(self) -> None:
        data = mutated(self.chance, whole(self.chance))
        kind = self.chance.random()
        connection = self.connected()
        self.sent += 1
        try:
            if kind < 0.02:  # left unfinished; beyond SLOW_MAX, another one is closed
                connection.sendall(data[: self.chance.randrange(len(data) + 1)])
                self.slow.append(connection)
                if len(self.slow) > SLOW_MAX:
                    self.slow.pop(self.chance.randrange(SLOW_MAX)).close()
                return
            connection.settimeout(SHORT_PATIENCE)
            connection.sendall(data)
            if kind < 0.1:  # closed before the answer
                connection.close()
                return
            if b"\r\n\r\n" not in data or self.chance.random() < 0.3:  # otherwise the server waits for the rest
                connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                self.answered += 1
        except (ConnectionError, TimeoutError):  # by chance, the request was for a 30-second profile
            pass
        connection.close()

    def state(self) -> tuple[int, int, int]:
        """Return how many threads, descriptors and resident bytes the program has at rest."""
        for one in self.slow:
            one.close()
        self.slow.clear()
        self.good()
        process = f"/proc/{self.program.pid}"
        resident = int(Path(f"{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
        return len(os.listdir(f"{process}/task")), len(os.listdir(f"{process}/fd")), resident

    def good(self) -> None:
        """Check that a valid request is answered, perhaps with 429 first while earlier requests are still being
        handled.
        """
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with self.connected() as connection:
                connection.sendall(f"GET /debug/pprof/heap?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                data = b""
                while part := connection.recv(1 << 16):
                    data += part
            if data.startswith(b"HTTP/1.1 200 ") and b"\r\n\r\n\x1f\x8b" in data:
                return
        raise SystemExit(f"no valid response any more: {data[:300]!r}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("FUZZ_REQUESTS_SECONDS", "60")))
    parser.add_argument("--requests", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    environment = {**os.environ, "PYTHONPATH": str(HELPERS)}
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), TOKEN],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        fuzzer = Fuzzer(program, *program.stdout.readline().split(), arguments.seed)
        until = time.monotonic() + arguments.seconds
        settled: tuple[int, int, int] | None = None
        first = max(arguments.requests // 10, 2000)
        while fuzzer.sent < arguments.requests if arguments.requests else time.monotonic() < until:
            fuzzer.send()
            if program.poll() is not None:
                print(f"the program ended with {program.returncode} after {fuzzer.sent} requests")
                return 1
            if settled is None and fuzzer.sent >= first:
                settled = fuzzer.state()
        settled = settled or fuzzer.state()
        last = fuzzer.state()
        patience_ends = time.monotonic() + PATIENCE
        while last[:2] != settled[:2] and time.monotonic() < patience_ends:  # it may be starting a program
            last = fuzzer.state()
        program.stdin.close()
        status = program.wait(PATIENCE)
    print(
        f"fuzz_requests: seed {arguments.seed}: {fuzzer.sent} requests, {fuzzer.answered} answers; "
        f"threads {settled[0]} to {last[0]}, descriptors {settled[1]} to {last[1]}, "
        f"memory {settled[2] >> 20} to {last[2] >> 20} MiB; the program's status {status}"
    )
    is_well = status == 0 and settled[:2] == last[:2] and last[2] - settled[2] < MEMORY_BYTES
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
