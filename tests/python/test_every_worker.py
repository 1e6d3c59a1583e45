"""From the last lines of a run's output, one step leads to the leaking worker, however the program starts its workers.

tests/nightly/sweep_processes.py runs the same on more Pythons, and writes tests/nightly/PROCESSES.md.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import workers
from workers import OF_PACKAGES, PLAIN, Case

_QUICK = ("pool spawn", "executor forkserver", "subprocess", "execv of itself")
"""The programs that .ci/run tests on every Python."""


def leads_to_the_leak(case: Case, folder: Path, python: str | Path = sys.executable) -> None:
    found = workers.find(case, folder, python)
    assert found.is_found, f"{found.pid}: {found.command}\n{found.rows[:2]}\n{found.by_process}\n{found.said}"
    assert "wrote no file: still running" not in found.said, "a helper is told"
    assert "was started but not profiled" not in found.said
    assert "replaced itself with another program before anything was sampled" not in found.said


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=() if case.name in _QUICK else pytest.mark.long) for case in PLAIN],
)
def test_the_end_of_a_run_leads_to_the_worker(tmp_path: Path, case: Case):
    leads_to_the_leak(case, tmp_path / "x")


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], Path]:
    """Interpreters of virtual environments by the packages installed there, created on first use."""

    class Environments(dict[tuple[str, ...], Path]):
        def __missing__(self, packages: tuple[str, ...]) -> Path:
            folder = tmp_path_factory.mktemp("of-packages") / "env"
            try:
                self[packages] = workers.environment_with(folder, packages)
            except subprocess.CalledProcessError:
                shutil.rmtree(folder)
                pytest.skip(f"{' '.join(packages)}: not for Python {sysconfig.get_python_version()}")
            return self[packages]

    return Environments()


@pytest.mark.packaging
@pytest.mark.nightly
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in OF_PACKAGES])
def test_the_end_of_a_run_leads_to_the_worker_of_a_package(
    tmp_path: Path, environments: dict[tuple[str, ...], Path], case: Case
):
    leads_to_the_leak(case, tmp_path / "x", environments[case.packages])
