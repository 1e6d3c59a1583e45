"""Fork three workers that hold different amounts, one that is killed, one that does nothing, and one that becomes
another program. Also start Python programs and a different one. Print the pids.
"""

import os
import signal
import subprocess
import sys

HELD = {"small": 5_000_000, "large": 80_000_000, "middle": 20_000_000}


kept: list[bytearray] = []


def forked(end):  # type: ignore[no-untyped-def]
    pid = os.fork()
    if pid == 0:
        end()
        os._exit(1)
    os.waitpid(pid, 0)
    return pid


def works(size):  # type: ignore[no-untyped-def]
    def work():  # type: ignore[no-untyped-def]
        kept.append(bytearray(size))
        sys.exit()

    return work


pids = {name: forked(works(size)) for name, size in HELD.items()}
pids["killed"] = forked(lambda: os.kill(os.getpid(), signal.SIGKILL))
pids["idle"] = forked(lambda: os._exit(0))
pids["became"] = forked(lambda: os.execv(sys.executable, [sys.executable, "-S", "-c", "pass"]))
script = os.path.abspath("command")
with open(script, "w") as file:
    file.write(f"#!{sys.executable}\nprint()\n")
os.chmod(script, 0o755)
for command in ([sys.executable, "-m", "this"], [sys.executable, "-m", "this"], [script], ["true"]):
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-S", "-c", "pass"], os.environ), 0)
print(" ".join(f"{name}={pid}" for name, pid in pids.items()))
