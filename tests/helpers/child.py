"""Programs in a process of their own, each in a file of its own, so that stacks name it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

TIMEOUT_SECONDS = 1200


class Child:
    """Runs programs in one folder. ``script`` is where the next program will stand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = folder / "program.py"

    def run(self, program: str, *, preload: bool = False, environment: dict[str, str] | None = None) -> str:
        """Runs the program and returns what it printed. AssertionError, with both outputs, unless it exits with 0."""
        finished = self.attempt(program, preload=preload, environment=environment)
        assert finished.returncode == 0, (
            f"the program ended with {finished.returncode}\n"
            f"---- stdout\n{finished.stdout}\n---- stderr\n{finished.stderr}\n---- program\n{self.script.read_text()}"
        )
        return finished.stdout

    def attempt(
        self, program: str, *, preload: bool = False, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs the program to its end, whatever that is."""
        self.script.write_text(textwrap.dedent(program), encoding="utf-8")
        variables = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        variables["PYTHONIOENCODING"] = "utf-8"
        if preload:
            variables["LD_PRELOAD"] = library_path()
        variables.update(environment or {})
        return subprocess.run(
            [sys.executable, str(self.script)],
            cwd=self.folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )


class Spender:
    """Runs programs that begin with everything of spent.py."""

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

    def run(self, program: str) -> str:
        """See Child.run."""
        return self.child.run(self.PRELUDE + textwrap.dedent(program), environment=self.environment)

    def attempt(self, program: str) -> subprocess.CompletedProcess[str]:
        """See Child.attempt."""
        return self.child.attempt(self.PRELUDE + textwrap.dedent(program), environment=self.environment)


def library_path() -> str:
    """The engine that the installed package uses, to be preloaded."""
    from spprof import _engine

    path = _engine.library_path()
    assert os.path.isfile(path), f"library_path() names {path!r}, which is no file"
    return path
