"""A folder in which programs run under ``spprof run``, and also without spprof."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from spprof.analysis.by_site import Tally
from spprof.analysis.sites import SiteKey
from spprof.pprof.file import read_profile
from spprof.pprof.profile import Profile

TIMEOUT_SECONDS = 600
SPPROF = [sys.executable, "-m", "spprof"]


class Place:
    """A folder with a program, run with and without spprof."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = folder / "program.py"
        self.output = folder / "out.pb.gz"

    def write(self, program: str | Path) -> None:
        """Write a program text, or copy a specimen, to ``script``."""
        text = program.read_text(encoding="utf-8") if isinstance(program, Path) else textwrap.dedent(program)
        self.script.write_text(text, encoding="utf-8")

    def call(
        self, command: list[str], stdin: str = "", environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        variables = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        variables.update(environment or {})
        return subprocess.run(
            command,
            cwd=self.folder,
            env=variables,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def run(self, *words: str, options: tuple[str, ...] = (), **how: object) -> subprocess.CompletedProcess[str]:
        command = [*SPPROF, "run", "-f", "-o", str(self.output), *options, *words]
        return self.call(command, **how)  # type: ignore[arg-type]

    def profile(self, name: str = "out.pb.gz") -> Profile:
        return read_profile(str(self.folder / name))

    def sites(self, name: str = "out.pb.gz") -> dict[SiteKey, int]:
        profile = self.profile(name)
        return {key: own.value for key, own in Tally(profile, profile.default_index).own.items()}


SEEDED = """
    from spprof import _engine
    start = _engine.start
    _engine.start = lambda rate, native, _, budget: start(rate, native, 1, budget)
"""


def seeded(place: Place) -> dict[str, str]:
    """Return an environment in which each run draws the same samples. Without it, about one run in several hundred
    samples an allocation of the interpreter itself.
    """
    folder = place.folder / "seeded"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(textwrap.dedent(SEEDED))
    return {"PYTHONPATH": str(folder)}


REWRITTEN = """
    import os
    seen = set()
    while len(seen) < 3:  # what was there, what was being written, and what was begun after it
        if os.path.exists({name!r}):
            status = os.stat({name!r})
            seen.add((status.st_ino, status.st_mtime_ns))
"""


def rewritten(name: str) -> str:
    """Return program text that waits until a file written by --every contains the program's work so far."""
    return textwrap.dedent(REWRITTEN).format(name=name)


def theirs(stderr: str) -> str:
    """Return what the program itself wrote to stderr."""
    return "".join(line for line in stderr.splitlines(keepends=True) if not line.startswith("spprof:"))
