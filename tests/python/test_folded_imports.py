"""Imports as a reader sees them: one frame per import, each with its cost; native frames omitted; short paths."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from child import TIMEOUT_SECONDS
from naive_heap import native_frame, python_frame
from spprof.analysis.by_import import SEVERAL, by_import
from spprof.analysis.by_site import Tally, ranked
from spprof.analysis.imports import UNKNOWN, with_imports_folded
from spprof.analysis.native import without_native
from spprof.analysis.paths import ShortPaths
from spprof.pprof.profile import HEAP_TYPES, Location, Mapping, Profile, Sample

if TYPE_CHECKING:
    from spprof.results import Frame

SPECIMEN = Path(__file__).parent.parent / "specimens" / "folded_imports"
LIBRARY = "/usr/lib/python3.11"
SITE = f"{LIBRARY}/site-packages"
APP = python_frame("<module>", 1, "/srv/app/main.py")
FIND = python_frame("_find_and_load", 9, "<frozen importlib._bootstrap>")
EXEC = python_frame("exec_module", 8, "<frozen importlib._bootstrap_external>")
IMPORT_MODULE = python_frame("import_module", 7, f"{LIBRARY}/importlib/__init__.py")
NATIVE = native_frame("PyImport_ImportModuleLevelObject")
RUN = native_frame("builtin_exec")
READ = native_frame("marshal_loads")


def module(file: str, line: int = 5) -> Frame:
    return python_frame("<module>", line, file)


def profile_with(*stacks: tuple[Frame, ...], libraries: dict[str, str] | None = None) -> Profile:
    """Return a profile in which the stacks, root first, hold 1, 10, 100, … bytes. ``libraries`` maps each native
    function to its file.
    """
    mappings = [Mapping(0, 0, 0, path, "") for path in (libraries or {}).values()]
    mapping_of = {function: at for at, function in enumerate(libraries or {})}
    frames = sorted({frame for stack in stacks for frame in stack}, key=repr)
    locations = [Location((frame,), mapping_of.get(frame.function, -1), frame.address) for frame in frames]
    samples = [
        Sample(tuple(map(frames.index, reversed(stack))), (1, 10**at, 1, 10**at)) for at, stack in enumerate(stacks)
    ]
    return Profile(HEAP_TYPES, locations, samples, mappings)


def told(profile: Profile) -> list[list[str]]:
    """Return the functions of each stack, root first."""
    return [[frame.function for frame in reversed(profile.frames(sample.stack))] for sample in profile.samples]


def test_the_import_systems_frames_are_one_that_names_the_module():
    json_module, decoder = module(f"{LIBRARY}/json/__init__.py"), module(f"{LIBRARY}/json/decoder.py")
    folded = with_imports_folded(
        profile_with(
            (APP, NATIVE, FIND, EXEC, RUN, json_module),
            (APP, NATIVE, FIND, EXEC, RUN, json_module, NATIVE, FIND, RUN, FIND, EXEC, RUN, decoder, READ),
            (APP, IMPORT_MODULE, NATIVE, FIND, EXEC, RUN, module("<frozen posixpath>")),
            (APP, READ),
        )
    )
    assert told(folded) == [
        ["<module>", "import json", "<module>"],
        ["<module>", "import json", "<module>", "import json.decoder", "<module>", "marshal_loads"],
        ["<module>", "import posixpath", "<module>"],
        ["<module>", "marshal_loads"],
    ]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (f"{SITE}/numpy/core/_methods.py", "numpy.core._methods"),
        (f"{SITE}/yaml.py", "yaml"),
        ("/usr/lib/python3/dist-packages/six.py", "six"),
        ("/srv/app/orders.py", "orders"),
        ("/srv/app/shop/__init__.py", "shop"),
        ("/srv/app/shop/cart/items.py", "shop.cart.items"),
        ("/srv/lib.zip/pkg/inside.py", "pkg.inside"),
        ("alone.py", "alone"),
    ],
)
def test_a_module_is_named_by_where_its_file_is(file: str, name: str):
    packages = (module("/srv/app/shop/__init__.py"), module("/srv/app/shop/cart/__init__.py"))
    profile = profile_with((APP, FIND, module(file)), (APP, FIND, packages[0], FIND, packages[1]))
    assert told(with_imports_folded(profile))[0] == ["<module>", f"import {name}", "<module>"]


def test_an_extension_module_is_named_by_its_library_and_keeps_its_frames():
    path = f"{SITE}/numpy/_core/_umath.cpython-311-x86_64-linux-gnu.so"
    init, call = native_frame("PyInit__umath"), native_frame("PyObject_Call")
    inner = module(f"{LIBRARY}/datetime.py")
    profile = profile_with(
        (APP, NATIVE, FIND, call, FIND, call, init, READ),
        (APP, NATIVE, FIND, call, FIND, call, init, NATIVE, FIND, EXEC, RUN, inner),
        libraries={"PyInit__umath": path, "PyObject_Call": "/usr/lib/libpython3.11.so.1.0"},
    )
    name = "import numpy._core._umath"
    assert told(with_imports_folded(profile)) == [
        ["<module>", name, "PyObject_Call", "PyInit__umath", "marshal_loads"],
        ["<module>", name, "PyObject_Call", "PyInit__umath", "import datetime", "<module>"],
    ]


def test_loading_belongs_to_the_only_module_that_the_line_imports():
    other = python_frame("<module>", 2, "/srv/app/main.py")
    profile = profile_with(
        (APP, FIND, EXEC, READ),
        (APP, FIND, EXEC, RUN, module("/srv/app/one.py")),
        (other, FIND, EXEC, READ),
        (other, FIND, EXEC, RUN, module("/srv/app/two.py")),
        (other, FIND, EXEC, RUN, module("/srv/app/three.py")),
        (python_frame("find_spec", 1, "/srv/app/finder.py"), FIND, READ),
    )
    folded = with_imports_folded(profile)
    assert [names[1] for names in told(folded)] == [
        "import one", "import one", UNKNOWN.function, "import two", "import three", UNKNOWN.function
    ]  # fmt: skip
    found = {one.module: one for one in by_import(Tally(folded, folded.default_index))}
    assert {name: (one.own.value, one.total.value, one.importer.line) for name, one in found.items()} == {
        "one": (11, 11, 1),
        "two": (1000, 1000, 2),
        "three": (10000, 10000, 2),
        SEVERAL: (100100, 100100, 1),
    }


def test_a_profile_without_imports_stays_the_same_and_values_always_do():
    plain = profile_with((APP, READ))
    assert with_imports_folded(plain) is plain
    profile = profile_with((APP, NATIVE, FIND, EXEC, RUN, module("/a/b.py")), (NATIVE,), ())
    for changed in (with_imports_folded(profile), without_native(profile)):
        assert [sample.values for sample in changed.samples] == [sample.values for sample in profile.samples]


def test_without_native_frames_their_line_holds_it_all():
    helper = python_frame("helper", 3, "/srv/app/main.py")
    profile = without_native(profile_with((NATIVE, APP, RUN, helper, READ), (APP, READ), (NATIVE, READ)))
    assert told(profile) == [["<module>", "helper"], ["<module>"], [NATIVE.function, "marshal_loads"]]
    rows = ranked(Tally(profile, profile.default_index), "own")
    assert [(key.function, site.value, site.native_function) for key, site, _ in rows] == [
        ("marshal_loads", 100, None), ("<module>", 10, None), ("helper", 1, None)
    ]  # fmt: skip
    only_python = profile_with((APP,))
    assert without_native(only_python) is only_python


@pytest.mark.parametrize(
    ("file", "short"),
    [
        ("/srv/app/shop/cart.py", "shop/cart.py"),
        ("/srv/app/main.py", "main.py"),
        ("/srv/application/x.py", "/srv/application/x.py"),
        (f"{LIBRARY}/json/decoder.py", "python3.11/json/decoder.py"),
        (f"{SITE}/numpy/core/_m.py", "numpy/core/_m.py"),
        ("/build/python3.11-3.11.2/Objects/dictobject.c", "Objects/dictobject.c"),
        ("/x/Python-3.13.0/Modules/_io/bytesio.c", "Modules/_io/bytesio.c"),
        ("/x/project/src/Python.c", "/x/project/src/Python.c"),
        ("<frozen os>", "<frozen os>"),
        ("", ""),
    ],
)
def test_paths_are_as_short_as_a_reader_needs_them(file: str, short: str):
    paths = ShortPaths(["/srv/app/shop/cart.py", "/srv/app/main.py", f"{SITE}/numpy/__init__.py", "<stdin>", ""])
    assert paths.of(file) == short


@pytest.mark.parametrize(
    ("files", "folder"),
    [
        (["/srv/one.py", "/opt/two.py"], ""),
        (["/srv/a/one.py", "/srv/b/two.py"], ""),
        (["/srv/a/one.py", "/srv/two.py"], "/srv/"),
        (["/one.py"], ""),
        ([], ""),
    ],
)
def test_a_folder_that_is_not_the_programs_own_is_shown(files: list[str], folder: str):
    paths = ShortPaths(files)
    assert [paths.of(file) for file in files] == [file[len(folder) :] for file in files]


def run_spprof(*words: str | Path, folder: Path) -> str:
    finished = subprocess.run(
        [sys.executable, "-m", "spprof", *map(str, words)],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.parametrize("options", [(), ("--no-native",)], ids=["mixed", "python"])
def test_what_an_import_costs_is_told_by_module_and_line(tmp_path: Path, options: tuple[str, ...]):
    out = tmp_path / "app.pb.gz"
    assert run_spprof("run", "--rate-kb", "0", "-o", out, SPECIMEN / "app.py", folder=tmp_path) == "3000000\n"
    document: dict[str, Any] = json.loads(run_spprof("imports", "--json", "-n", "1000", out, folder=tmp_path))
    assert document["schema"] == "spprof-imports-1"
    rows = {row["module"]: row for row in document["imports"]}
    outer, inner = rows["costly"], rows["costly.inner"]
    for row, own, total in ((outer, 1_000_000, 3_000_000), (inner, 2_000_000, 2_000_000)):
        assert own <= row["own"] < own + 100_000
        assert total <= row["total"] < total + 100_000
        assert (row["own_low"], row["total_high"]) == (row["own"], row["total"])  # every allocation was sampled
    assert (outer["importer"]["file"], outer["importer"]["line"]) == (str(SPECIMEN / "app.py"), 3)
    assert outer["own"] + inner["total"] == outer["total"]
    text = run_spprof("imports", out, folder=tmp_path)
    assert "costly, from <module> (app.py:3)" in text
    table = run_spprof("table", *options, "-n", "1000", out, folder=tmp_path)
    assert "<module> (costly/inner.py:3)" in table
    assert "<module> (app.py:5)" in table
    assert "importlib" not in table
    tree = run_spprof("tree", *options, "-n", "1000", out, folder=tmp_path)
    assert "+ import costly (costly/__init__.py)" in tree
    assert ("PyImport" in tree) is False


def test_a_program_that_imports_nothing_says_so(tmp_path: Path):
    from spprof.pprof.file import written

    path = tmp_path / "plain.pb.gz"
    path.write_bytes(b"".join(written(profile_with((APP, READ)))))
    assert "no sample was taken during an import" in run_spprof("imports", path, folder=tmp_path)
