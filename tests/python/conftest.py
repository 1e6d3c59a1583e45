"""Fixtures that every test here may use."""

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

# What nohup has tests ignore their children would, too.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def child(tmp_path: Path) -> Child:
    """Runs programs in processes of their own: the profiler is one for a process, and its shutdown is one way."""
    return Child(tmp_path)


@pytest.fixture(scope="session")
def burners(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What programs need to import spent.py."""
    return burners_environment(tmp_path_factory.mktemp("burners"))


@pytest.fixture
def spender(child: Child, burners: dict[str, str]) -> Spender:
    """Runs programs that spend CPU time."""
    return Spender(child, burners)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(params=jit.ENVIRONMENTS)
def with_and_without_jit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test's programs with the JIT off, then on where there is one."""
    for name, value in jit.ENVIRONMENTS[request.param].items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """npm's packages."""
    from viewers import installed_packages

    return installed_packages()


@pytest.fixture(scope="module")
def browser() -> Iterator[chromium.Chromium]:
    from viewers import browser_program, chromium

    with chromium.started(*browser_program()) as browser:
        yield browser


@pytest.fixture
def show(browser: chromium.Chromium, tmp_path: Path) -> Iterator[Shown]:
    """Shows reports. Whatever a test does, the page complains of nothing and asks nobody for anything."""
    from pages import Shown

    shown = Shown(browser, tmp_path / "x.html")
    yield shown
    assert [line for line in shown.tab.complaints() if "willReadFrequently" not in line] == []  # of our own looking
    assert {address.partition("#")[0] for address in shown.tab.requests()} == {f"file://{shown.path}"}
    shown.tab.close()
