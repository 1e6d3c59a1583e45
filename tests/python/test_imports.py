"""What ``import spprof`` brings along, and that nothing is imported or read later, whatever became of the program."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import spprof
from child import Child
from specimens import FOLDER, specimen

IMPORTS = FOLDER / "imports"
ALL_IS_USED = {"PYTHONPATH": str(IMPORTS)}

FROM_THE_STANDARD_LIBRARY = {
    *("__future__", "_thread", "abc", "array", "atexit", "binascii", "bisect", "collections", "contextlib", "copyreg"),
    *("enum", "errno", "functools", "itertools", "json", "keyword", "math", "operator", "re", "reprlib", "struct"),
    *("sre_compile", "sre_constants", "sre_parse", "types", "warnings", "zlib"),
    *("_abc", "_bisect", "_collections", "_functools", "_json", "_operator", "_sha2", "_sha256", "_sre", "_struct"),
    *("_typing", "_tracemalloc", "time", "_py_warnings", "heapq", "_heapq", "_locale"),
    *("_contextvars", "_math_integer", "_types"),
}
"""All of it small; most of it any program has. What loads OpenSSL, starts threads or compiles classes is not here."""


def test_importing_brings_nothing_heavy_along(child: Child) -> None:
    told = child.run("""
        import sys
        before = set(sys.modules)
        import spprof
        print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
        """)
    assert set(told.split()) - {"spprof"} <= FROM_THE_STANDARD_LIBRARY


def test_importing_either_api_brings_all(child: Child) -> None:
    for name in ("spprof", "spprof.memprof", "spprof.cpu"):
        told = child.run(f"import sys, {name}; print(*sorted(n for n in sys.modules if n.startswith('spprof')))")
        assert "spprof.report.notebook" in told, name
        assert "spprof.cpu_time.decorator" in told, name


def test_nothing_is_imported_or_read_after_the_import(child: Child) -> None:
    told = child.run(
        specimen("imports/nothing_is_imported"),
        environment=ALL_IS_USED,
    )
    assert told == "[]\n[]\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change a program's root")
def test_all_works_in_another_root(child: Child) -> None:
    (child.folder / "root").mkdir()
    child.run(
        """
        import os, sys
        import everything
        os.chroot("root")
        os.chdir("/")
        everything.use("/")
        """,
        environment=ALL_IS_USED,
    )
    assert len(list((child.folder / "root").iterdir())) == 10


def test_starting_and_looking_need_no_descriptor(child: Child) -> None:
    told = child.run(
        specimen("imports/no_descriptor"),
        environment=ALL_IS_USED,
    )
    assert told == f"{os.strerror(24)}\n"


@pytest.mark.parametrize("what", ["removed", "upgraded"])
def test_the_package_may_be_taken_from_disk_while_the_program_runs(child: Child, what: str) -> None:
    """As ``pip install --upgrade`` does beneath a service: what was imported and what comes later must fit together."""
    copy = child.folder / "site" / "spprof"
    shutil.copytree(Path(spprof.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    told = child.run(
        specimen("imports/taken_from_disk"),
        what,
        environment={"PYTHONPATH": os.pathsep.join([str(copy.parent), str(IMPORTS)])},
    )
    assert told == "used\n"


def test_children_forked_during_the_first_start_go_on(child: Child) -> None:
    assert child.run(specimen("imports/forked_at_every_call"), "400") == "all children ended\n"


def test_results_are_dataclasses_for_who_asks(child: Child) -> None:
    """They are none of the standard library's making, which would cost every import of spprof."""
    child.run(specimen("imports/dataclasses_for_who_asks"))
