"""Start programs in the way that the argument names; one of them leaks. Print the pid of the leaking program."""

from __future__ import annotations

import os
import subprocess
import sys

import leak


def started(*words: str) -> list[str]:
    return [sys.executable, __file__, *words]


def main(way: str) -> None:
    if way == "task":
        print(leak.task(int(sys.argv[2])))
    elif way == "subprocess":
        children = [
            subprocess.Popen(started("task", str(number)), stdout=subprocess.PIPE, text=True) for number in (6, 7, 8)
        ]
        print(max(int(child.communicate()[0]) for child in children))
    elif way == "shell":
        command = " ".join(started("task", "7"))
        print(int(subprocess.check_output(f"true && {command} | cat", shell=True)))
    elif way == "posix_spawn":
        os.waitpid(os.posix_spawn(sys.executable, started("task", "7"), os.environ), 0)
    elif way == "execv":
        os.execv(sys.executable, started("task", "7"))
    elif way == "fork and execv":
        child = os.fork()
        if child == 0:
            os.execv(sys.executable, started("task", "7"))
        os.waitpid(child, 0)
    elif way == "daemon":
        ends, end = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.dup2(end, 1)
                os.execv(sys.executable, started("task", "7"))
            os._exit(0)
        os.wait()
        os.close(end)
        with open(ends) as pipe:
            print(int(pipe.read()))


if __name__ == "__main__":
    main(sys.argv[1])
