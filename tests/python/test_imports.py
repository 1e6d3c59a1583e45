"""Checks what ``import spprof`` imports, and that nothing is imported or read later, whatever the program does."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import spprof
from child import Child
from place import Place
from specimens import FOLDER, specimen

IMPORTS = FOLDER / "imports"
ALL_IS_USED = {"PYTHONPATH": str(IMPORTS)}

FROM_THE_STANDARD_LIBRARY = {
    *("__future__", "_bisect", "_collections", "_functools", "_json", "_operator", "_sha2", "_sha256", "_struct"),
    *("atexit", "binascii", "errno", "itertools", "math", "warnings", "zlib"),
    *("_py_warnings", "_contextvars", "_math_integer", "math.integer", "time"),
}
"""Every standard module that the package imports and a plain Python does not. All of them are written in C, except
``__future__`` and ``warnings``. Includes the modules that ``warnings`` itself imports.
"""

RUN_BY_A_START = {f"spprof{name}" for name in ("", "._engine", ".environment", ".memprof", ".on_demand", ".reserve")}
RUN_BY_A_START |= {"spprof.joining", "spprof.supported", "spprof.teardown", "spprof.warn_once"}


RUN_BY_THE_COMMAND = {"spprof", "spprof.cli", "spprof.formats"}
RUN_BY_THE_COMMAND |= {f"spprof.{name}" for name in ("_engine", "environment", "on_demand", "records", "reserve")}
RUN_BY_THE_COMMAND |= {f"spprof.{name}" for name in ("formats.atomic_file", "supported", "text", "warn_once")}
RUN_BY_THE_COMMAND |= {f"spprof.cli.{name}" for name in ("arguments", "interpreter_options", "main", "outputs")}
RUN_BY_THE_COMMAND |= {
    f"spprof.cli.{name}" for name in ("program", "run", "settings", "terminal", "values", "variable")
}

RUN_BEFORE_A_PROGRAM = {"spprof.cli", "spprof.records", "spprof.text"}
RUN_BEFORE_A_PROGRAM |= {f"spprof.cli.{name}" for name in ("arguments", "bootstrap", "family", "outputs")}
RUN_BEFORE_A_PROGRAM |= {"spprof.cli.interpreter_options"}
RUN_BEFORE_A_PROGRAM |= {f"spprof.cli.{name}" for name in ("program", "recorder", "recordings", "settings", "terminal")}


def test_starting_imports_little_and_runs_little_of_the_package(child: Child) -> None:
    told = child.run("""
        import sys
        before = set(sys.modules)
        import spprof.memprof
        spprof.memprof.start()
        print(*sorted(set(sys.modules) - before))
        """)
    new = set(told.split())
    assert {name for name in new if name.startswith("spprof")} == RUN_BY_A_START
    assert {name for name in new if not name.startswith("spprof")} <= FROM_THE_STANDARD_LIBRARY


def test_importing_the_package_keeps_every_module_of_it(child: Child) -> None:
    """Modules of the command line, modules for type checkers, and modules that are loaded on request are excepted."""
    package = Path(spprof.__file__).parent
    names = {".".join(("spprof", *file.relative_to(package).with_suffix("").parts)) for file in package.rglob("*.py")}
    names = {name.removesuffix(".__init__") for name in names}
    apart = tuple(f"spprof.{name}" for name in ("cli", "_pyinstaller", "__main__", "rows", "estimate", "pprof.decode"))
    apart += ("spprof.pprof.series_folder", "spprof.analysis.moments", "spprof.analysis.series_growth")
    apart += ("spprof.process.other_process",)
    names.remove("spprof.pprof.series")
    told = child.run("import spprof; print(*spprof.on_demand._kept)")
    assert set(told.split()) == {name for name in names if not name.startswith(apart)} - RUN_BY_A_START


def test_functions_of_kept_modules_have_the_builtins_of_all_others(child: Child) -> None:
    """If the functions have other builtins, CPython 3.14's JIT watches types before it has been initialized."""
    told = child.run(specimen("imports/builtins_of_functions"))
    assert told == "True {True}\n{True}\n"


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
    """``pip install --upgrade`` replaces the package while a service is running: modules imported earlier and later
    must match.
    """
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


def test_a_fork_waits_for_a_module_that_runs_for_the_first_time(child: Child) -> None:
    assert child.run(specimen("imports/forked_while_a_module_runs")) == "the child went on\n"


def test_a_handler_may_need_the_module_that_it_interrupts(child: Child) -> None:
    assert child.run(specimen("imports/interrupted_at_every_call"), "97") == "all went on\n"


def test_a_module_that_fails_is_run_again(child: Child) -> None:
    child.run(specimen("imports/fails_at_first"))


def test_modules_of_the_programs_own_names_are_not_taken_for_ours(child: Child) -> None:
    """The program's modules are not mistaken for those of the standard library either, if these are imported later."""
    names = ("math", "zlib", "struct", "json", "re", "errno", "spprof", "spprof.records", "spprof.heap", "warnings")
    child.run(f"""
        import sys, types
        from spprof import memprof
        memprof.start()
        for name in {names!r}:
            sys.modules[name] = types.ModuleType(name)
        kept = bytearray(100_000_000)
        for suffix in ("pb.gz", "json", "txt", "html"):
            memprof.get_snapshot().save("x." + suffix)
        assert not [name for name in {names!r} if vars(sys.modules[name]).get("__file__")]
        """)


def test_a_run_imports_little(place: Place) -> None:
    """Few modules are imported in both of the run's processes, until they end."""
    place.write("pass")
    tells = {"PYTHONPROFILEIMPORTTIME": "1"}
    script = "import sys; sys.argv[0] = 'bin/spprof'; from spprof.cli.main import main; main()"  # as pip creates them
    told = place.call([sys.executable, "-c", script, "run", "-o", "x.pb.gz", "program.py"], environment=tells).stderr
    alone = imported(place.call([sys.executable, "program.py"], environment=tells).stderr)
    alone |= imported(place.call([sys.executable, "-c", "pass"], environment=tells).stderr)  # the second process
    assert "spprof: wrote x.pb.gz" in told
    first, second = told.split("imported package\n")[1:]
    assert imported(first) - alone <= FROM_THE_STANDARD_LIBRARY | {"operator"} | RUN_BY_THE_COMMAND
    new = imported(second) - alone
    assert (
        new
        <= FROM_THE_STANDARD_LIBRARY | {"_posixsubprocess", "fcntl", "operator"} | RUN_BY_A_START | RUN_BEFORE_A_PROGRAM
    )


@pytest.mark.parametrize("starts", ["spprof.memprof.start()", "spprof.start()"])
def test_a_program_that_is_called_as_the_command_is_keeps_all_at_its_start(place: Place, starts: str) -> None:
    (place.folder / "spprof").write_text(f"import spprof; {starts}; print(*spprof.on_demand._kept)")
    finished = place.call([sys.executable, "spprof"])
    assert {"spprof.heap.snapshot", "spprof.cpu_time.profile"} < set(finished.stdout.split()), finished.stderr


def imported(told: str) -> set[str]:
    """Return the modules listed by ``-X importtime``."""
    return set(re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", told, re.MULTILINE))


def test_results_are_dataclasses_for_who_asks(child: Child) -> None:
    """The results are not created with the standard library's dataclasses, which would slow down every import of
    spprof.
    """
    child.run(specimen("imports/dataclasses_for_who_asks"))
