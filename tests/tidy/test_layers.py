"""The layers of the Python package: imports point only downwards and never form a cycle.

Lazy imports and those for type checkers count like all others. A module named in ``import_module`` is not seen.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from conftest import ROOT

PACKAGE = ROOT / "python/spprof"

FLOORS = (
    {"__main__", "_pyinstaller"},
    {"cli"},
    {"__init__"},
    {"http"},
    {"memprof", "cpu", "estimate"},
    {"serve"},
    {"heap", "cpu_time"},
    {"formats"},
    {"report"},
    {"analysis"},
    {"pprof"},
    {"process"},
    {"symbolize"},
    {"on_demand"},
    {"results", "reserve", "rows", "environment", "joining"},
    {"warn_once"},
    {"json_text", "records", "text", "teardown", "supported", "_engine"},
)
"""The layers from the top down. Modules in the same layer do not import each other."""

FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> dict[str, Path]:
    """Return the file of every module of the package, keyed by its dotted name within the package."""
    files = [*PACKAGE.rglob("*.py"), *PACKAGE.glob("*.pyi")]
    return {".".join(file.relative_to(PACKAGE).with_suffix("").parts): file for file in files}


def names_of(statement: ast.stmt) -> list[str]:
    """Return the dotted names that an import statement may import. If the statement does not show which name is the
    module, the longest comes first.
    """
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    if isinstance(statement, ast.ImportFrom):
        assert statement.level == 0, "relative import"
        return [f"{statement.module}.{alias.name}" for alias in statement.names]
    return []


def target_of(name: str, known: dict[str, Path]) -> str | None:
    """Return the package's module that is ``name`` or contains it, or None if it belongs to another package."""
    first, _, rest = name.partition(".")
    if first != "spprof":
        return None
    parts = rest.split(".") if rest else []
    for count in range(len(parts), 0, -1):
        for found in (".".join(parts[:count]), ".".join([*parts[:count], "__init__"])):
            if found in known:
                return found
    return "__init__"


def imports() -> dict[str, set[str]]:
    """Return the modules that each module imports."""
    known = modules()
    graph: dict[str, set[str]] = {}
    for module, file in known.items():
        statements = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.stmt)]
        names = {name for statement in statements for name in names_of(statement)}
        graph[module] = {target for name in names if (target := target_of(name, known))} - {module}
    return graph


def room_of(module: str) -> str:
    return module.split(".")[0]


def test_every_module_has_a_floor() -> None:
    assert {room_of(module) for module in modules()} == set(FLOOR_OF)


def test_imports_point_downwards() -> None:
    wrong = [
        f"{module} imports {target}"
        for module, targets in imports().items()
        for target in targets
        if room_of(module) != room_of(target) and FLOOR_OF[room_of(target)] <= FLOOR_OF[room_of(module)]
    ]
    assert sorted(wrong) == []


def test_no_imports_form_a_circle() -> None:
    graph = imports()

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for target in graph[waiting.pop()] - seen:
                seen.add(target)
                waiting.append(target)
        return seen

    assert sorted(module for module in graph if module in reached(module)) == []


def test_a_pipeline_has_one_entry() -> None:
    """Writers, reports and sums take a ``pprof.Profile``. No module below the results uses a snapshot."""
    graph = imports()
    below = [module for module in graph if room_of(module) in ("formats", "report", "analysis", "pprof", "symbolize")]
    assert below
    assert [
        module for module in below if any(room_of(target) in ("heap", "cpu_time") for target in graph[module])
    ] == []


# ---- Modules kept in memory and executed later

STANDARD_NAMES = re.compile(r'"([\w.]+)": \w', re.ASCII)
ELSEWHERE = {
    "pprof.file": {"spprof.pprof.decode", "compression.zstd"},  # reading a profile needs a file anyway
    "records": {"dataclasses"},  # only for callers that ask for it
    "report.page": {"_sha2", "_sha256", "hashlib"},  # on_demand has one of these
}
"""More modules that the above may import on demand."""


def is_for_type_checkers(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.If) and isinstance(statement.test, ast.Name) and statement.test.id == "TYPE_CHECKING"
    )


def imported_at_run_time(statements: list[ast.stmt]) -> set[str]:
    """Return the modules that a file imports, including imports within functions."""
    found: set[str] = set()
    for statement in statements:
        if is_for_type_checkers(statement):
            assert isinstance(statement, ast.If)
            found |= imported_at_run_time(statement.orelse)
        elif isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            found.add(statement.module or "")
        else:
            for field in ("body", "orelse", "finalbody", "handlers"):
                found |= imported_at_run_time(getattr(statement, field, []))
    return found


def test_what_runs_later_imports_only_what_is_kept() -> None:
    """Modules used after the program has run import only modules that on_demand keeps. Other modules would be read from
    disk, or might resolve to one of the program's own.
    """
    text = (PACKAGE / "on_demand.py").read_text()
    standard = set(STANDARD_NAMES.findall(text.partition("STANDARD: dict")[2]))
    rooms = dict(re.findall(r'^    "(\w*)": ((?:\s*"[\w ]+"\n?)+),$', text, re.MULTILINE))
    assert {"heap", "report", ""} < set(rooms)
    assert "zlib" in standard
    kept = {f"{room}.{name}".lstrip(".") for room, names in rooms.items() for name in names.replace('"', " ").split()}
    kept |= {"cli.own_frames", "cli.summary"}  # used by a run
    wrong = []
    for module, file in modules().items():
        if module.removesuffix(".__init__") not in kept and module not in {f"{room}.__init__" for room in rooms}:
            continue
        names = imported_at_run_time(ast.parse(file.read_text()).body) - ELSEWHERE.get(module, set())
        wrong += [
            f"{module} imports {name}" for name in names if name not in standard and not name.startswith("spprof")
        ]
    assert sorted(wrong) == []
