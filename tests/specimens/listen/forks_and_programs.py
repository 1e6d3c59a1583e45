"""Start children of all kinds, some of them while a client is connected. None has a descriptor or thread of ours."""

import ctypes
import os
import subprocess
import sys
import tempfile

import spprof
from asked import connected, head, received, reply, reply_of

ROUNDS = 20
LIST = "import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[-2])"


def ours():
    return {one for one in map(int, os.listdir("/proc/self/fd")) if one >= 40}


def in_child(check):
    """Return True if the check holds in a newly forked child."""
    status = 1
    try:
        status = 0 if check() else 2
    finally:
        os._exit(status)


def listens_anew():
    assert not ours()
    assert len(os.listdir("/proc/self/task")) == 1
    with spprof.listen() as own:
        answer = reply(own.address, "/stats")
        return own.address != made.address and answer.status == 200


os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp()
made = spprof.listen()
fork_of_c = ctypes.PyDLL(None).fork  # keeps the GIL; otherwise, another thread would have it in the child
for _ in range(ROUNDS):
    with connected(made.address) as connection:
        connection.sendall(head("/stats")[:10])
        pid = os.fork() or in_child(listens_anew)
        assert os.waitpid(pid, 0)[1] == 0
        pid = fork_of_c() or in_child(lambda: not ours())
        assert os.waitpid(pid, 0)[1] == 0
        listed = subprocess.run([sys.executable, "-S", "-E", "-c", LIST], capture_output=True, text=True, check=True)
        assert int(listed.stdout) < 40, listed.stdout
        connection.sendall(head("/stats")[10:])
        assert reply_of(received(connection)).status == 200
made.close()
print("nothing is inherited", end="")
