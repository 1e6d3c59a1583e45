"""Fixtures that every test here may use."""

from __future__ import annotations

from pathlib import Path

import pytest
from child import Child


@pytest.fixture
def child(tmp_path: Path) -> Child:
    """Runs programs in processes of their own: the profiler is one for a process, and its shutdown is one way."""
    return Child(tmp_path)


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """npm's packages."""
    from viewers import installed_packages

    return installed_packages()
