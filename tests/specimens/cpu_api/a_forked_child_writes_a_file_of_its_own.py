import os

import spprof
from of_cpu import busy


def of_parent():
    busy()


def of_child():
    busy()


spprof.start(1, output_path="x.collapsed")
pid = os.fork()
if pid == 0:
    of_child()
    raise SystemExit
os.waitpid(pid, 0)
of_parent()
spprof.stop()
print(pid)
