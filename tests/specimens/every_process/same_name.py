"""A process that finds, when it ends, a file at its own output path. Prints its pid."""

import os
import subprocess
import sys


def hold() -> None:
    print(os.getpid(), flush=True)
    with open(f"a.{os.getpid()}.cpu.pb.gz", "x") as file:
        file.write("another's")
    kept = [b"x" * 1_000_000 for _ in range(30)]
    number = 5_000_000
    while number:
        number -= 1
    del kept[30:]
    sys.exit()


if sys.argv[1] == "start":
    subprocess.run([sys.executable, __file__, "hold"], check=True)
elif sys.argv[1] == "fork" and os.fork():
    os.wait()
else:
    hold()
