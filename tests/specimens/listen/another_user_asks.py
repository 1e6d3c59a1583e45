"""A socket that everyone can reach answers only its owner and root."""

import os
import socket
import tempfile

import spprof
from asked import connected, head, received, reply

NOBODY = 65534

folder = tempfile.mkdtemp()
os.chmod(folder, 0o755)
made = spprof.listen(f"{folder}/open.sock")
os.chmod(made.address, 0o777)
assert reply(made.address, "/").status == 200
results, told = os.pipe()
pid = os.fork()
if pid == 0:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    try:
        with connected(made.address) as connection:
            connection.sendall(head("/"))
            data = received(connection)
    except (ConnectionError, socket.timeout):
        data = b""
    os.write(told, b"nothing" if data == b"" else data)
    os._exit(0)
os.waitpid(pid, 0)
assert reply(made.address, "/").status == 200
made.close()
os.rmdir(folder)
print(os.read(results, 1000).decode(), end="")
