"""gunicorn and uWSGI, preforked and not: workers answer, profile, save a file per process, are replaced, and end.

The servers are installed from PyPI into a separate environment in the build folder.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import venv
from pathlib import Path

import spprof
from rounds import MODE, SHORT, check, finish, rounds

WORKERS = 3
REQUESTS = 40 if SHORT else 80
LIMIT_SECONDS = 60

APPLICATION = """
import json, os
import spprof.memprof as memprof

if os.environ["START"] == "master":
    memprof.start(1, native=os.environ["STRESS_MODE"])
held = []


def application(environ, start_response):
    if not memprof.is_active():
        memprof.start(1, native=os.environ["STRESS_MODE"])
    held.append([bytearray(size) for size in range(0, 20_000, 100)])
    del held[:-3]
    snapshot = memprof.get_snapshot()
    if environ["PATH_INFO"] == "/save":
        snapshot.save(f"{os.getpid()}.collapsed")
    stats = memprof.get_stats()
    answer = {
        "pid": os.getpid(),
        "own": sum("application" in site["function"] for site in snapshot.top_allocators(50)),
        "sums": stats.total_samples == stats.live_samples + stats.freed_samples,
    }
    body = json.dumps(answer).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
"""

GUNICORN = ["-m", "gunicorn", "--workers", str(WORKERS), "--graceful-timeout", "5", "--log-level", "warning"]
UWSGI = [
    "--master",
    "--enable-threads",
    "--processes",
    str(WORKERS),
    "--disable-logging",
    "--die-on-term",
    "--need-app",
]


def environment_with(package):
    """Return the scripts folder of an environment with the server, or None and the reason why the server is
    unavailable.
    """
    folder = Path(os.environ["STRESS_BUILD"]) / f"with-{package}"
    scripts = folder / "bin"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        plain = {key: value for key, value in os.environ.items() if key not in ("LD_PRELOAD", "PYTHONPATH")}
        pip = [str(scripts / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--verbose", package]
        said = ["pip failed"]
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        with subprocess.Popen(pip, env=plain, **output) as installing:
            for line in installing.stdout:  # uWSGI is compiled, which takes a while on a busy machine
                print("preparing", package, flush=True)
                said.append(line.strip())
        if installing.returncode != 0:
            return None, next(filter(None, reversed(said)))
        ours = Path(spprof.__file__).parents[1]
        purelib = folder / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
        (purelib / "ours.pth").write_text(f"{ours}\n")
        (folder / "complete").touch()
    return scripts, ""


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_SECONDS)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    check(response.status == 200, f"{response.status} {body!r}")
    return json.loads(body)


def ask_often(port, count, answers, errors):
    try:
        for number in range(count):
            answers.append(ask(port, "/save" if number % 10 == 0 else "/"))
    except BaseException as error:
        errors.append(error)


def ask_from_all_sides(port, count):
    """Return the workers that answered."""
    answers, errors = [], []
    clients = [threading.Thread(target=ask_often, args=(port, count // 4, answers, errors)) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    check(not errors, f"of a client: {errors}")
    check(all(answer["sums"] and answer["own"] for answer in answers), f"{answers[:3]}")
    return {answer["pid"] for answer in answers}


def serve(command, start, reload_signal, requests):
    variables = {**os.environ, "START": start, "PYTHONPATH": str(Path.cwd())}
    log = Path("log")
    with log.open("w") as output:
        # The socket is already listening, and from here on only the server keeps it open. Early connections wait in it
        # as long as the server lives.
        with socket.create_server(("127.0.0.1", 0), backlog=128) as door:
            port, handle = door.getsockname()[1], door.fileno()
            server = subprocess.Popen(
                command(f"fd://{handle}"), env=variables, stdout=output, stderr=output, pass_fds=[handle]
            )
        try:
            before = ask_from_all_sides(port, requests)
            server.send_signal(reload_signal)
            after = before
            while after & before:  # until all workers that answer are new ones
                after = ask_from_all_sides(port, requests // 2)
            for pid in before | after:
                path = Path(f"{pid}.collapsed")
                if path.exists():
                    check(path.stat().st_size > 0, f"{path} is empty")
                    path.unlink()
            server.send_signal(signal.SIGTERM)
            status = server.wait(LIMIT_SECONDS)
            check(status == 0, f"the server ended with {status}\n{log.read_text()}")
        except BaseException:
            print(log.read_text(), file=sys.stderr)
            raise
        finally:
            server.kill()  # the runner finds leftover workers
    for trace in ("Traceback", "egmentation", "SIGSEGV", "SIGABRT", "DAMN"):
        check(trace not in log.read_text(), log.read_text())
    return len(before) + len(after)


def ways():
    """Yield (description, the command for a listening socket, who starts the profiler, the signal that replaces
    workers).
    """
    scripts, why = environment_with("gunicorn")
    if scripts is None:
        yield f"gunicorn: {why}", None, "", None
    else:
        python = str(scripts / "python")
        for preload in (["--preload"], []):
            yield (
                "gunicorn " + " ".join(preload),
                lambda door, more=preload: [python, *GUNICORN, *more, "-b", door, "service:application"],
                "master" if preload else "worker",
                signal.SIGHUP,
            )
    scripts, why = environment_with("uwsgi")
    if scripts is None:
        yield f"uwsgi: {why}", None, "", None
        return
    path = ["--venv", str(scripts.parent), "--pythonpath", str(Path.cwd()), "--module", "service:application"]
    for lazy in ([], ["--lazy-apps"]):
        yield (
            "uwsgi " + " ".join(lazy),
            lambda door, more=lazy: [str(scripts / "uwsgi"), "--http-socket", door, *UWSGI, *more, *path],
            "worker" if lazy else "master",
            signal.SIGHUP,
        )


Path("service.py").write_text(APPLICATION)
tried, left_out, workers = [], [], 0
everything = list(ways())
for number in rounds():
    name, command, start, reload_signal = everything[number % len(everything)]
    if command is None:
        left_out.append(name)
    else:
        workers += serve(command, start, reload_signal, REQUESTS)
        tried.append(name.strip())
finish(tried=sorted(set(tried)), left_out=sorted(set(left_out)), workers=workers, mode=MODE)
