"""The profilers to compare, each with the command that runs a program under it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
PEERS = HERE.parents[1] / "build" / "bench-cpu-peers" / f"{sys.version_info.major}.{sys.version_info.minor}"
VERSIONS = {
    "numpy": "numpy>=1.26,<3",  # for the programs
    "py-spy": "py-spy==0.4.3",
    "austin": "austin-dist==3.7.0",  # a later version needs a newer libc than Debian 12's
    "scalene": "scalene==2.4.0",
    "pyinstrument": "pyinstrument==5.1.3",
}
PATH = os.pathsep.join(str(PEERS / name) for name in VERSIONS)
"""The folders of all peers, for PYTHONPATH."""
INTERVALS_MS = (1, 10, 100)


EMPTY_HANDLER = PEERS / "empty_handler.so"


def environment() -> dict[str, str]:
    """Return the environment of every measured program."""
    variables = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    return {**variables, "PYTHONPATH": PATH, "PYTHONHASHSEED": "0", "EMPTY_HANDLER": str(EMPTY_HANDLER)}


class Profiler(NamedTuple):
    name: str
    switch: str
    """The profiler's name in switches.py."""
    command: list[str]
    """The words before the program. {seconds}, {hertz} and {us} are the interval; {out} is the profiler's file."""
    is_outside: bool = False
    """True if the profiler is a separate process, which is the program's parent."""
    has_twin: bool = False
    """True if the profiler changes the process's memory permanently, so that it is compared with another process."""

    def command_of(self, interval_ms: int, program: str, slice_ns: int) -> tuple[list[str], dict[str, str]]:
        """Return the command that runs a program under the profiler and lets it take orders, and the command's
        environment.
        """
        numbers = {"seconds": interval_ms / 1000, "hertz": 1000 // interval_ms, "us": interval_ms * 1000}
        words = [word.format(**numbers, out="{folder}/profile.out") for word in self.command]
        variables = environment()
        if self.is_outside:
            variables["CPU_FROM_OUTSIDE"] = "1"
        return [*words, str(HERE / "watched.py"), program, self.switch, str(interval_ms), str(slice_ns)], variables


PYTHON = sys.executable
PY_SPY = [f"{PEERS}/py-spy/bin/py-spy", *"record -r {hertz} -f raw -o {out} --".split(), PYTHON]
AUSTIN = [f"{PEERS}/austin/bin/austin", *"-t 10000 -i {us} -o {out}".split(), PYTHON]
SCALENE = [PYTHON, *"-m scalene run --cpu-only --cpu-sampling-rate {seconds} -o {out}".split()]
NOTHING = Profiler("nothing", "nothing", [PYTHON])
"""Shows the error of the method itself."""
OURS = [
    NOTHING,
    Profiler("an empty handler", "empty handler", [PYTHON]),
    Profiler("spprof", "spprof", [PYTHON]),
]
OTHERS = [
    Profiler("py-spy", "nothing", PY_SPY, is_outside=True),
    Profiler("austin", "nothing", AUSTIN, is_outside=True),
    Profiler("scalene", "nothing", SCALENE, has_twin=True),
    Profiler("pyinstrument", "pyinstrument", [PYTHON]),
]


def compile_empty_handler() -> None:
    EMPTY_HANDLER.parent.mkdir(parents=True, exist_ok=True)
    source = str(HERE / "empty_handler.c")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-D_GNU_SOURCE", source, "-o", str(EMPTY_HANDLER)], check=True)


def install() -> None:
    """Install each peer into its own folder. A failure is reported when the peer is to be run."""
    for name, version in VERSIONS.items():
        mark = PEERS / f"{name}.installed"
        if mark.exists() and mark.read_text() == version:
            continue
        pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--root-user-action=ignore"]
        command = [*pip, "--target", str(PEERS / name), "--upgrade", version]
        if subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0:
            mark.write_text(version)
