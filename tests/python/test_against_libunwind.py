"""Compares native stacks with those that libunwind finds at the same point in programs that allocate (two_unwinders.c).

libunwind comes from build/deps, where `make` unpacks it, or from the system. Only tests use it.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from child import TIMEOUT_SECONDS, library_path
from native import compile_library

ROOT = Path(__file__).parents[2]
HELPERS = ROOT / "tests" / "helpers"
PROGRAM = ROOT / "tests" / "specimens" / "wheels_at_work.py"
WHEELS = ["numpy", "pandas", "lxml", "cryptography"]


class Comparison(NamedTuple):
    stacks: int
    agreed: int
    parted: int
    different: int
    """Number of return addresses, each counted once."""
    report: str

    @property
    def agreement(self) -> float:
        return self.agreed / (self.agreed + self.parted)


@pytest.fixture(scope="module")
def libunwind() -> str:
    unpacked = sorted(ROOT.glob("build/deps/libunwind/usr/lib/*/libunwind.so.8"))
    name = str(unpacked[0]) if unpacked else "libunwind.so.8"
    try:
        ctypes.CDLL(name)
    except OSError as error:
        pytest.skip(f"libunwind is missing ({error}): make build/deps/libunwind")
    return name


@pytest.fixture(scope="module")
def two_unwinders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = ["-D_GNU_SOURCE", "-fno-builtin", "-ftls-model=initial-exec", "-ldl"]
    return compile_library(HELPERS / "two_unwinders.c", tmp_path_factory.mktemp("two") / "two_unwinders.so", *options)


def compare(
    two_unwinders: Path, libunwind: str, *, interval: int, rounds: int, work: list[str], python: str = sys.executable
) -> Comparison:
    """Run the program with the installed package's engine. Any Python may run it, because the engine has no Python
    code.
    """
    finished = subprocess.run(
        [python, str(PROGRAM), library_path(), libunwind, str(interval), str(rounds), *work],
        env={**os.environ, "LD_PRELOAD": str(two_unwinders), "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert finished.returncode == 0, f"{finished.returncode}\n{finished.stdout}\n{finished.stderr}"
    print(finished.stdout)
    counts = re.match(r"(\d+) stacks, (\d+) addresses agree, (\d+) do not, (\d+) are different", finished.stdout)
    assert counts, finished.stdout
    return Comparison(*map(int, counts.groups()), report=finished.stdout)


def test_stacks_of_numpy_and_the_standard_library_are_libunwinds(two_unwinders: Path, libunwind: str) -> None:
    pytest.importorskip("numpy")
    work = ["standard_library", "numpy"]
    compared = compare(two_unwinders, libunwind, interval=3, rounds=4, work=work)
    assert compared.stacks >= 3_000, compared.report
    assert compared.agreement >= 0.999, compared.report


@pytest.mark.packaging
@pytest.mark.nightly
def test_stacks_of_four_wheels_are_libunwinds(two_unwinders: Path, libunwind: str, tmp_path: Path) -> None:
    python = tmp_path / "environment" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--only-binary", ":all:"]
    subprocess.run([*pip, *WHEELS], check=True)
    work = ["standard_library", *WHEELS]
    compared = compare(two_unwinders, libunwind, interval=2, rounds=20, work=work, python=str(python))
    assert compared.stacks >= 100_000, compared.report
    assert compared.agreement >= 0.999, compared.report
