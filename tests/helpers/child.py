"""Runs programs in child processes, each from its own file, so that stacks can be identified by file."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

TIMEOUT_SECONDS = 1200
HELPERS = Path(__file__).parent


class Child:
    """Runs programs in one folder: specimen files, or short texts, which are written to ``script`` first.

    They may import the modules of tests/helpers and the modules next to them.
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
        """Run the program and return its output. Raise AssertionError with its stdout and stderr unless it exits with
        0.
        """
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
        """Run the program until it ends, in whatever way, and return the completed process."""
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
    """Runs programs that use CPU time: specimens, which import what they need from spent.py, and texts, which are
    prefixed with the source of spent.py.
    """

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
        """Run the program as Child.run() does."""
        return self.child.run(self._whole(program), *arguments, environment=self.environment)

    def attempt(self, program: str | Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the program as Child.attempt() does."""
        return self.child.attempt(self._whole(program), *arguments, environment=self.environment)

    def _whole(self, program: str | Path) -> str | Path:
        return program if isinstance(program, Path) else self.PRELUDE + textwrap.dedent(program)


def library_path() -> str:
    """Return the path of the installed package's engine, for LD_PRELOAD."""
    from spprof import _engine

    path = _engine.library_path()
    assert os.path.isfile(path), f"library_path() names {path!r}, which is no file"
    return path
