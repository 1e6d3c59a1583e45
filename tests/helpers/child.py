"""Programs in a process of their own, each in a file of its own, so that stacks name it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

TIMEOUT_SECONDS = 1200
HELPERS = Path(__file__).parent


class Child:
    """Runs programs in one folder: the files of specimens, or short texts, for which ``script`` is where they stand.

    They may import the modules of tests/helpers, and those beside them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = folder / "program.py"

    def run(
        self,
        program: str | Path,
        *arguments: str,
        preload: bool = False,
        environment: dict[str, str] | None = None,
    ) -> str:
        """Runs the program and returns what it printed. AssertionError, with both outputs, unless it exits with 0."""
        finished = self.attempt(program, *arguments, preload=preload, environment=environment)
        assert finished.returncode == 0, (
            f"the program ended with {finished.returncode}\n"
            f"---- stdout\n{finished.stdout}\n---- stderr\n{finished.stderr}\n---- {self.script}\n"
            f"{self.script.read_text(encoding='utf-8')}"
        )
        return finished.stdout

    def attempt(
        self,
        program: str | Path,
        *arguments: str,
        preload: bool = False,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs the program to its end, whatever that is."""
        if isinstance(program, Path):
            self.script = program
        else:
            self.script = self.folder / "program.py"
            self.script.write_text(textwrap.dedent(program), encoding="utf-8")
        variables = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        variables["PYTHONIOENCODING"] = "utf-8"
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HELPERS), variables.get("PYTHONPATH")]))
        if preload:
            variables["LD_PRELOAD"] = library_path()
        variables.update(environment or {})
        return subprocess.run(
            [sys.executable, str(self.script), *arguments],
            cwd=self.folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )


class Spender:
    """Runs programs that spend CPU time: specimens, which import what they need of spent.py, and texts, which begin
    with all of it."""

    PRELUDE = (
        "import errno, os, signal, sys, threading, time\n"
        "import spprof\n"
        "import spprof.memprof as memprof\n"
        "from spent import *\n"
        "from spent import _engine\n"
    )

    def __init__(self, child: Child, environment: dict[str, str]) -> None:
        self.child = child
        self.environment = environment

    def run(self, program: str | Path, *arguments: str) -> str:
        """See Child.run."""
        return self.child.run(self._whole(program), *arguments, environment=self.environment)

    def attempt(self, program: str | Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """See Child.attempt."""
        return self.child.attempt(self._whole(program), *arguments, environment=self.environment)

    def _whole(self, program: str | Path) -> str | Path:
        return program if isinstance(program, Path) else self.PRELUDE + textwrap.dedent(program)


def library_path() -> str:
    """The engine that the installed package uses, to be preloaded."""
    from spprof import _engine

    path = _engine.library_path()
    assert os.path.isfile(path), f"library_path() names {path!r}, which is no file"
    return path
