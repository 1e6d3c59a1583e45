"""Runs programs that end in every way at every place, with and without spprof, and tabulates what each leaves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from place import SPPROF, theirs
from specimens import specimen
from spprof.pprof.file import read_profile

TIMEOUT_SECONDS = 120

SIGNALS = tuple(
    f"SIG{name}"
    for name in "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT XCPU XFSZ VTALRM PROF IO "
    "PWR SYS RTMIN".split()
)
"""All signals whose default action ends the process, but only the first of the real-time signals."""

ENDINGS = (
    "return",
    "exception",
    "sys.exit(None)",
    "sys.exit(7)",
    "sys.exit('text')",
    "os._exit(0)",
    "os._exit(7)",
    "os._exit at exit",
    "os.abort",
    "abort in C",
    "fault",
    "MemoryError",
    "recursion limit",
    "full disk",
    "no descriptors",
    "folder gone",
    "descriptors closed",
    "streams closed",
    "execv",
    "execvp fails",
    *SIGNALS,
)

PLACES = ("script", "-m", "child", "thread")

OUTPUTS = ("pb.gz", "html", "--cpu", "--every")

LEAVE_NONE = {
    "abort in C",
    "fault",
    *(f"SIG{name}" for name in "ILL TRAP BUS FPE KILL SEGV STKFLT PROF IO PWR SYS RTMIN".split()),
}
"""Endings after which neither Python nor our code can run (see docs/cli.md). With --every, the last file remains."""

TOLD = {"full disk": "raise its limit (ulimit -f)"}
"""The message that explains the lack of a file, by ending."""


@dataclass
class Outcome:
    """The status, output and files that a program left."""

    status: int
    stdout: str
    stderr: str
    files: dict[str, bool] = field(default_factory=dict)
    """Maps the name of each file, with "N" in place of a child's pid, to True if the file is complete."""


def command(place: str, ending: str, output: str, file: Path | None) -> list[str]:
    program = ["-m", "program"] if place == "-m" else ["program.py"]
    inside = place if place in ("child", "thread") else "main"
    words = [*program, ending, inside]
    if file is None:
        return [sys.executable, *words]
    options = {"--cpu": ["--cpu", "1"], "--every": ["--every", "0.02"]}.get(output, [])
    waited_for = [str(file)] if output == "--every" else []
    every_child = ["--children-min-samples", "0"]
    return [*SPPROF, "run", "-f", "-o", str(file), *every_child, *options, *words, *waited_for]


def run(folder: Path, place: str, ending: str, output: str, *, with_us: bool) -> Outcome:
    """Run the program in a new folder."""
    folder.mkdir(parents=True)
    (folder / "program.py").write_text(specimen("endings/program").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "files").mkdir()
    file = folder / "files" / ("out.html" if output == "html" else "out.pb.gz") if with_us else None
    finished = subprocess.run(
        command(place, ending, output, file),
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_SECONDS,
        check=False,
        preexec_fn=_prepare,
    )
    outcome = Outcome(finished.returncode, finished.stdout, finished.stderr.replace(str(folder), "."))
    for path in sorted((folder / "files").iterdir()):
        if path.name.startswith(".") and ending in LEAVE_NONE:
            continue  # the program was killed while writing this file
        outcome.files[re.sub(r"^out\.\d+\.", "out.N.", path.name)] = is_whole(path)
    return outcome


def _prepare() -> None:
    """Disable core files. Also restore the signal dispositions that the test's children inherit under nohup."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def is_whole(path: Path) -> bool:
    data = path.read_bytes()
    if data.startswith(b"<"):
        return data.rstrip().endswith(b"</html>")
    return len(read_profile(str(path)).samples) > 0


def expected_files(place: str, ending: str, output: str) -> set[str]:
    """Return the names of the expected files."""
    first = "out.html" if output == "html" else "out.pb.gz"
    firsts = {first, "out.cpu.pb.gz"} if output == "--cpu" else {first}
    children = {name.replace("out.", "out.N.", 1) for name in firsts} if place == "child" else set()
    ends_with_none = output != "--every" and (ending in TOLD or ending in LEAVE_NONE)
    if ends_with_none and place == "child":
        return firsts
    return set() if ends_with_none else firsts | children


def _comparable(stderr: str, ending: str) -> str:
    """Return the program's stderr without what may differ under the profiler.

    If there is no memory, a traceback may lack source lines, and a thread's traceback everything except its first line,
    which itself differs if there is no memory for threading's hook. A few of the calls that the recursion limit allows
    are ours. From CPython 3.12 on, a fork warns about the thread that writes under ``--every``, as docs/cli.md says.
    """
    text = re.sub(r".*DeprecationWarning: This process .* is multi-threaded.*\n(  .*\n)?", "", theirs(stderr))
    if ending == "MemoryError":
        text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("    "))
    if ending == "MemoryError" and text.startswith(("Exception in thread", "Exception ignored in thread")):
        text = f"an exception in a thread, {'MemoryError' in text}"
    return re.sub(r"repeated \d+ more times", "repeated", text)


def faults(place: str, ending: str, output: str, plain: Outcome, profiled: Outcome) -> list[str]:
    """List everything that is missing or differs from the run without spprof."""
    found = []
    if profiled.status != plain.status:
        found.append(f"status {profiled.status}, not {plain.status}")
    if profiled.stdout != plain.stdout:
        found.append(f"stdout {profiled.stdout!r}, not {plain.stdout!r}")
    written, wanted_text = (_comparable(one.stderr, ending) for one in (profiled, plain))
    if written != wanted_text:
        found.append(f"stderr {written!r}, not {wanted_text!r}")
    wanted = expected_files(place, ending, output)
    if set(profiled.files) != wanted:
        found.append(f"files {sorted(profiled.files)}, not {sorted(wanted)}")
    found += [f"{name} is broken" for name, whole in profiled.files.items() if not whole]
    said = TOLD.get(ending)
    if said and said not in profiled.stderr:
        found.append(f"nothing was said of {said!r}")
    return found
