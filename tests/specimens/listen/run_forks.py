"""Under `spprof run --listen`, this process and a forked one can each be queried at their own socket."""

import os
import pathlib

from asked import reply

folder = pathlib.Path(os.environ["XDG_RUNTIME_DIR"], "spprof")
goes_on, tell = os.pipe()
pid = os.fork()
if pid == 0:
    os.close(tell)
    os.read(goes_on, 1)
    os._exit(0)
for number in (os.getpid(), pid):
    while not (folder / f"{number}.sock").exists():
        assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    print(reply(str(folder / f"{number}.sock"), "/debug/pprof/heap").status)
os.close(tell)
os.waitpid(pid, 0)
print(sorted(file.name for file in folder.iterdir()) == [f"{os.getpid()}.sock"])
