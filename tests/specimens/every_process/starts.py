"""Start Python programs that keep 100 MB each, in the way that the argument names. Print how they ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading

kept: list[bytes] = []
HERE = os.path.abspath(__file__)
PYTHON = sys.executable


def hold(status: int = 0) -> None:
    kept.extend(b"x" * 1_000_000 for _ in range(100))
    if status:
        sys.exit(status)


def waits(is_ready: threading.Event) -> None:
    is_ready.set()
    threading.Event().wait()


def command(way: str = "hold") -> list[str]:
    return [PYTHON, HERE, way]


def worker(method: str) -> None:
    process = multiprocessing.get_context(method).Process(target=hold, args=(3,))
    process.start()
    process.join()
    print(process.exitcode)


def main(way: str) -> None:
    if way == "hold":
        hold()
    elif way == "hold little":
        kept.append(b"x" * 1000)
    elif way == "fork":
        pid = os.fork()
        if pid == 0:
            hold(3)
        print(os.waitpid(pid, 0)[1] >> 8)
    elif way in ("subprocess", "close_fds"):
        print(subprocess.run(command(), close_fds=way == "close_fds").returncode)
    elif way == "preexec_fn":
        print(subprocess.run(["true"], preexec_fn=os.setsid).returncode)
        print(subprocess.run(command(), preexec_fn=os.setsid).returncode)
    elif way == "posix_spawn":
        print(os.waitpid(os.posix_spawn(PYTHON, command(), os.environ), 0)[1])
    elif way == "os.system":
        print(os.system(" ".join(command())))
    elif way in ("spawn", "forkserver", "fork worker"):
        worker(way.partition(" ")[0])
    elif way == "set_executable":
        multiprocessing.set_executable(sys.executable)
        worker("spawn")
    elif way == "nested":
        hold()
        print(subprocess.run(command("subprocess"), stdout=subprocess.PIPE).stdout)
    elif way == "double fork":
        end, start = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                hold(0)
                os.dup2(start, 60)
                sys.exit(0)
            os._exit(0)
        os.wait()
        os.close(start)
        print(os.read(end, 1))
        multiprocessing.active_children()
    elif way == "-c":
        code = f"import sys; sys.argv = ['', 'hold']; __file__ = {HERE!r}; exec(open(__file__).read())"
        print(subprocess.run([PYTHON, "-c", code]).returncode)
    elif way == "stdin":
        code = "kept = [b'x' * 1_000_000 for _ in range(100)]"
        print(subprocess.run([PYTHON], input=code.encode()).returncode)
    elif way == "module":
        folder, name = os.path.split(HERE)
        print(subprocess.run([PYTHON, "-m", name[:-3], "hold"], cwd=folder).returncode)
    elif way == "interactive":
        print(subprocess.run([PYTHON, "-i", "-c", "pass"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE))
    elif way in ("-S", "-I"):
        print(subprocess.run([PYTHON, way, HERE, "hold"]).returncode)
    elif way == "env -i":
        print(subprocess.run(["env", "-i", *command()]).returncode)
    elif way == "exec twice":
        hold()
        os.execv(PYTHON, command("exec once"))
    elif way == "exec once":
        hold()
        os.execvp(PYTHON, command())
    elif way == "large and small":
        for size in ("hold", "hold little"):
            subprocess.run(command(size), check=True)
    elif way == "statuses":
        for code in ("import sys; sys.exit(7)", "raise ValueError", "import os; os.abort()", "import os; os._exit(9)"):
            print(subprocess.run([PYTHON, "-c", code], stderr=subprocess.PIPE))
    elif way == "terminated spawn":
        context = multiprocessing.get_context("spawn")
        is_ready = context.Event()
        process = context.Process(target=waits, args=(is_ready,))
        process.start()
        is_ready.wait()
        process.terminate()
        process.join()
        print(process.exitcode)
    elif way == "killed":
        process = subprocess.Popen([PYTHON, "-c", "print(flush=True); input()"], stdout=-1, stdin=-1)
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        print(process.wait())


if __name__ == "__main__":
    main(sys.argv[1])
