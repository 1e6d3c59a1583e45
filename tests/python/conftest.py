"""Fixtures for all tests in this folder."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import jit
import pytest
from child import Child, Spender
from native import burners_environment
from place import Place

if TYPE_CHECKING:
    from pages import Shown
    from viewers import chromium

# Under nohup, the tests' children would inherit an ignored SIGHUP.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def child(tmp_path: Path) -> Child:
    """Runs programs in child processes: a process has only one profiler, and its shutdown is final."""
    return Child(tmp_path)


@pytest.fixture(scope="session")
def burners(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment that programs need to import spent.py."""
    return burners_environment(tmp_path_factory.mktemp("burners"))


@pytest.fixture
def spender(child: Child, burners: dict[str, str]) -> Spender:
    """Runs programs that use CPU time."""
    return Spender(child, burners)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(params=jit.ENVIRONMENTS)
def with_and_without_jit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test's programs with the JIT off, then on if there is one."""
    for name, value in jit.ENVIRONMENTS[request.param].items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The npm packages."""
    from viewers import installed_packages

    return installed_packages()


@pytest.fixture(scope="module")
def browser() -> Iterator[chromium.Chromium]:
    from viewers import browser_program, chromium

    with chromium.started(*browser_program()) as browser:
        yield browser


@pytest.fixture
def show(browser: chromium.Chromium, tmp_path: Path) -> Iterator[Shown]:
    """Shows reports. In every test, the page must report no error and request nothing from a network."""
    from pages import Shown

    shown = Shown(browser, tmp_path / "x.html")
    yield shown
    assert [line for line in shown.tab.complaints() if "willReadFrequently" not in line] == []  # by our own reads
    assert {address.partition("#")[0] for address in shown.tab.requests()} == {f"file://{shown.path}"}
    shown.tab.close()
