"""vfork, posix_spawn and subprocess, in all their variants, work while eight threads allocate."""

import os
import subprocess
import sys

from rounds import check, check_counters, finish, load, rounds, start_anew

TRUE = b"/bin/true"
WAYS = [
    {},
    {"close_fds": False},
    {"start_new_session": True},
    {"preexec_fn": lambda: bytearray(100_000)},
    {"env": {"PATH": "/usr/bin:/bin"}, "cwd": "/"},
]

programs = 0
with load(8) as loaded:
    for number in rounds():
        start_anew(number)
        loaded.vfork_storm(20, TRUE)
        loaded.spawn_storm(20, TRUE)
        for way in WAYS:
            finished = subprocess.run(["/bin/cat"], input=b"x" * 100_000, capture_output=True, check=False, **way)
            check((finished.returncode, len(finished.stdout), finished.stderr) == (0, 100_000, b""), str(finished))
        pid = os.posix_spawn(sys.executable, [sys.executable, "-S", "-c", "raise SystemExit(3)"], os.environ)
        status = os.waitpid(pid, 0)[1]
        check(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 3, f"status {status}")
        programs += 41 + len(WAYS)
        check_counters()
finish(programs=programs)
