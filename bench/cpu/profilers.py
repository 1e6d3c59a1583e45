"""What is compared: ours and its peers, each as the command that runs a program under it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO, NamedTuple

HERE = Path(__file__).parent
PEERS = HERE.parents[1] / "build" / "bench-cpu-peers" / f"{sys.version_info.major}.{sys.version_info.minor}"
VERSIONS = {
    "numpy": "numpy>=1.26,<3",  # for the programs
    "py-spy": "py-spy==0.4.3",
    "austin": "austin-dist==3.7.0",  # a later one needs a newer libc than Debian 12's
    "scalene": "scalene==2.4.0",
    "pyinstrument": "pyinstrument==5.1.3",
}
PATH = os.pathsep.join(str(PEERS / name) for name in VERSIONS)
"""For PYTHONPATH."""
INTERVALS_MS = (1, 10, 100)


class Profiler(NamedTuple):
    name: str
    command: list[str]
    """Before the program; {ms}, {seconds}, {hertz} and {us} are the interval, {out} its file."""
    is_outside: bool = False
    """It is another process, which the program finds as its parent."""

    def start(self, interval_ms: int, program: str, folder: Path, said: IO[bytes]) -> subprocess.Popen[bytes]:
        """Starts a program under it, which takes its orders from the folder."""
        numbers = {"ms": interval_ms, "seconds": interval_ms / 1000, "hertz": 1000 // max(interval_ms, 1)}
        words = [word.format(**numbers, us=interval_ms * 1000, out=folder / "profile.out") for word in self.command]
        variables = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        variables.update(PYTHONPATH=PATH, CPU_TURNS=str(folder), PYTHONHASHSEED="0")
        if self.is_outside:
            variables["CPU_FROM_OUTSIDE"] = "1"
        return subprocess.Popen(
            [*words, str(HERE / "programs.py"), program],
            env=variables,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )


PYTHON = sys.executable
NONE = Profiler("nothing", [PYTHON])
OURS = Profiler("spprof", [PYTHON, str(HERE / "ours.py"), "{ms}"])
PROFILERS = [
    OURS,
    Profiler("py-spy", [f"{PEERS}/py-spy/bin/py-spy", *"record -r {hertz} -f raw -o {out} --".split(), PYTHON], True),
    Profiler("austin", [f"{PEERS}/austin/bin/austin", *"-t 10000 -i {us} -o {out}".split(), PYTHON], True),
    Profiler("scalene", [PYTHON, *"-m scalene run --cpu-only --cpu-sampling-rate {seconds} -o {out}".split()]),
    Profiler("pyinstrument", [PYTHON, *"-m pyinstrument -i {seconds} -o {out}".split()]),
]


def install() -> None:
    """Each peer into a folder of its own. What cannot be had is told when it cannot be run."""
    for name, version in VERSIONS.items():
        mark = PEERS / f"{name}.installed"
        if mark.exists() and mark.read_text() == version:
            continue
        pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--root-user-action=ignore"]
        command = [*pip, "--target", str(PEERS / name), "--upgrade", version]
        if subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0:
            mark.write_text(version)


def reason(error: OSError | subprocess.CalledProcessError) -> str:
    """What was said last of why it cannot run."""
    if isinstance(error, OSError):
        return str(error)
    lines = (error.stderr or error.stdout).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"status {error.returncode}"
