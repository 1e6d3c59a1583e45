"""Modules of the package that are loaded when it is imported, and run when they are first needed.

    import spprof ─► reads the compiled code of every module, but runs little of it
    first use     ─► module("spprof.heap.snapshot").take ─► runs it, and what it imports, from that memory

Starting a profiler needs little of the package. Reading a profile needs the rest, which takes several times as long to
run as to load. A deferred module no longer needs a file, descriptor, folder or finder: the program may have changed its
root directory, or this package may have been replaced on disk. Deferred modules import each other, and the modules in
STANDARD, from here, whatever ``sys.modules`` and ``sys.path`` contain.

Fork: a fork waits until other threads have finished running modules for the first time. Signals: a handler that needs
the module it has interrupted runs that module itself; the first complete copy is the one that everyone uses.
"""

from __future__ import annotations
import __future__

import builtins
import os
import stat
import sys
import time
from _frozen_importlib import _find_spec, module_from_spec  # type: ignore[attr-defined]
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader, cache_from_source, spec_from_file_location
from _imp import _fix_co_filename  # type: ignore[attr-defined]
from _io import FileIO
from _thread import RLock
from marshal import loads

from spprof.reserve import with_reserve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any

ROOMS = {
    "": "cpu json_text records results text",
    "analysis": "ages by_import by_label by_site diff estimate explanation folding growth imports libraries native "
    "notes paths residency sample_weights shortages sightings site_table sites",
    "cpu_time": "block decorator functions profile samples text to_pprof",
    "formats": "atomic_file collapsed frame_memo html pprof profile_stacks source speedscope",
    "heap": "changes compare estimates growth mapped mapped_sites peak pools resident_memory rounding samples snapshot "
    "text to_pprof unwind_quality",
    "http": "answers asgi_application attached claims control_paths cpu_paths endpoints heap_paths heap_text "
    "index_page listener mounted query state_paths token wsgi_application",
    "pprof": "difference encode fields file locations mappings merge pools processes profile resident series_names "
    "series_stamp shortages trigger_names wire",
    "process": "control_group numbers other_malloc regions signals socket_folder stretches thread_stacks title "
    "zeroed_data",
    "report": "build encode facts history leading model notebook page places sources threads",
    "serve": "background record series trigger_conditions trigger_files triggers",
    "symbolize": "cplusplus demangle frames interpreter_frames modules own_code rust stacks thread_names",
}
"""The deferred modules, by folder. Modules that read files are left out, since they need the file system anyway."""

SCRIPTS = "inflate.js data.js numbers.js tree.js sites.js graph.js words.js table.js timeline.js page.js".split()
STYLES = ["report.css", "timeline.css"]
ASSETS = ["page.html", *STYLES, *SCRIPTS]
"""The files of the HTML page. The scripts are in the order in which they are joined: each may use those before it."""

STANDARD: dict[str, ModuleType] = {"os": os, "os.path": os.path, "stat": stat, "sys": sys, "time": time}
"""Modules of the standard library that deferred modules import, by name. Some are represented by their C part, which is
all that spprof uses of them: their Python part imports many other modules.
"""

IMPORTED_NS = time.time_ns()
"""The time at which the package was imported, in a process that is being profiled."""

_package = sys.modules["spprof"]
_folder = os.path.dirname(__file__)
_lock = RLock()
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)

_loaded: dict[str, ModuleType] = {}
"""The modules that have run from here."""

_running: dict[str, ModuleType] = {}
"""The modules that are running now. Only their own submodules may see them unfinished."""


class _Kept:
    """The path, code and spec that are needed to run a module."""

    def __init__(self, path: str, code: bytes | CodeType, spec: ModuleSpec | None = None) -> None:
        self._path = path
        self._code = code
        self._spec = spec

    def run(self, name: str) -> ModuleType:
        """Run the module and return it. Raises what running it raises."""
        spec = self._spec
        if spec is None:
            folder, file = os.path.split(self._path)
            loader = SourceFileLoader(name, self._path)
            below = [folder] if file == "__init__.py" else None
            spec = spec_from_file_location(name, self._path, loader=loader, submodule_search_locations=below)
            assert spec is not None, "it has a loader"
        code = self._code
        if isinstance(code, bytes):
            code = loads(memoryview(code)[_HEADER_BYTES:])
            _fix_co_filename(code, self._path)
        made = module_from_spec(spec)
        made.__dict__["__builtins__"] = _builtins
        _running[name] = made
        try:
            exec(code, made.__dict__)
        finally:
            _running.pop(name, None)
        return made


_kept: dict[str, _Kept] = {}
_assets: dict[str, bytes] = {}

# ---- Keeping

_HEADER_BYTES = 16
"""Header of a compiled file: the interpreter's magic number, how the file is checked against its source, and the
source's time and length. See Python/import.c and PEP 552.
"""


def keep(room: str, names: list[str]) -> None:
    """Read modules from a folder of the package. ``""`` is the package's own folder, whose ``__init__`` is already
    running.
    """
    folder = os.path.join(_folder, room) if room else _folder
    before, behind = cache_from_source(os.path.join(folder, "?.py")).split("?")
    for name in names:
        whole = ".".join(part for part in ("spprof", room, name) if part not in ("", "__init__"))
        path = f"{folder}{os.sep}{name}.py"
        code = _cached(path, f"{before}{name}{behind}")
        if code is None:
            _keep_slowly(whole, path)
        else:
            _kept[whole] = _Kept(path, code)


def _cached(path: str, cached: str) -> bytes | None:
    """Return the cached bytecode of a file; None if there is none, or if it may be out of date."""
    try:
        content = _content(cached)
        source = os.stat(path)
    except OSError:
        return None
    words = (0, int(source.st_mtime), source.st_size)
    header = MAGIC_NUMBER + b"".join((word & 0xFFFFFFFF).to_bytes(4, "little") for word in words)
    return content if content.startswith(header) else None


def _content(path: str) -> bytes:
    with FileIO(path) as file:
        return file.readall()


def _keep_slowly(name: str, path: str) -> None:
    """Read a module by the interpreter's own means: compile it again, or load it from a frozen program's archive."""
    try:
        code = SourceFileLoader(name, path).get_code(name)
        spec = None
    except OSError:
        folder = os.path.dirname(path.removesuffix(f"{os.sep}__init__.py"))
        spec = _find_spec(name, [folder])
        get_code = getattr(spec and spec.loader, "get_code", None)
        code = get_code(name) if get_code else None
    if code is not None:
        _kept[name] = _Kept(path, code, spec)


def _keep_assets() -> None:
    """Read the page's files. Keep none if one is missing: the rest of the package works without them."""
    folder = os.path.join(_folder, "report", "assets")
    try:
        _assets.update({name: _content(os.path.join(folder, name)) for name in ASSETS})
    except OSError:
        _keep_frozen_assets(folder)


def _keep_frozen_assets(folder: str) -> None:
    get_data = getattr(_package.__spec__ and _package.__spec__.loader, "get_data", None)
    try:
        if get_data is not None:
            _assets.update({name: get_data(os.path.join(folder, name)) for name in ASSETS})
        else:
            from importlib import resources

            files = resources.files("spprof").joinpath("report").joinpath("assets")
            _assets.update({name: files.joinpath(name).read_bytes() for name in ASSETS})
    except Exception:
        _assets.clear()


# ---- Using


class _Module:
    """A stand-in for a module until one of its attributes is needed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(load(self._name), attribute)


def module(name: str) -> Any:
    """Return a stand-in for the module of that dotted name. Its attributes are the module's."""
    return _Module(name)


def asset(name: str) -> bytes | None:
    """Return a file of the HTML page; None if the program was frozen without it. The command line loads nothing in
    advance, so there the file is read now.
    """
    if not _assets:
        _keep_assets()
    return _assets.get(name)


def load(name: str) -> ModuleType:
    """Return the module of that dotted name, after running it if it has not run yet. Raises what running it raises."""
    found = _loaded.get(name)
    if found is not None:
        return found
    return with_reserve(_load, name)


def run_all() -> None:
    """Run every deferred module now. If every allocation is sampled, running them later would sample all of their
    allocations.
    """
    for name in _kept:
        load(name)


def _load(name: str) -> ModuleType:
    with _lock:
        return _present(name) or _run(name)


def _present(name: str) -> ModuleType | None:
    """Return a module of this package that has already been imported, by us or by others. Ignore ``sys.modules``: the
    program may have imported the package again, and this copy keeps using its own modules.
    """
    found: object = _loaded.get(name, _package)
    if found is _package:
        for part in name.split(".")[1:]:
            found = vars(found).get(part)
            if type(found) is not type(sys):
                return None
    return found  # type: ignore[return-value]


def _run(name: str) -> ModuleType:
    kept = _kept.get(name)
    if kept is None:
        return _import_elsewhere(name, fromlist=("*",))
    parent, _, leaf = name.rpartition(".")
    above = _running.get(parent) or load(parent)
    found = _loaded.setdefault(name, kept.run(name))
    setattr(above, leaf, found)
    if sys.modules.get("spprof") is _package:
        sys.modules.setdefault(name, found)
    return found


_import_elsewhere = builtins.__import__


def _import(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> ModuleType:
    """Handle the import statements at the top of deferred modules.

    Each module begins with ``from __future__ import``. From then on its functions are created with the interpreter's
    own builtins, like all others: the JIT of 3.14 fails in functions with different builtins.
    """
    if name == "__future__":
        globals["__builtins__"] = vars(builtins)
    if name in STANDARD and (fromlist or "." not in name):
        return STANDARD[name]
    if name.partition(".")[0] != "spprof":
        return _import_elsewhere(name, globals, locals, fromlist, level)
    found = load(name)
    for attribute in fromlist or ():
        if not hasattr(found, attribute):  # we may have interrupted the code that is about to set it
            setattr(found, attribute, load(f"{name}.{attribute}"))
    return found if fromlist else _package


_builtins = {**vars(builtins), "__import__": _import}


# ---- All of it


def is_command() -> bool:
    """Return whether this is the process of the command ``spprof``, which does not profile a program itself and should
    start fast. A program that merely has that name keeps its modules when it starts a profiler.
    """
    words = getattr(sys, "argv", None) or [""]
    return bool(os.path.basename(words[0]) == "spprof")


def keep_all() -> None:
    """Load into memory everything that is needed later, unless that has already happened."""
    if _kept:
        return
    _import_standard()
    for room, names in ROOMS.items():
        keep(room, [*(["__init__"] if room else []), *names.split()])
    _keep_assets()


def _import_standard() -> None:
    import _bisect
    import _collections  # type: ignore[import-not-found]
    import _collections_abc
    import _functools  # type: ignore[import-not-found]
    import _json
    import _operator
    import _signal  # type: ignore[import-not-found]
    import _struct
    import _thread
    import atexit
    import binascii
    import errno
    import itertools
    import math
    import warnings
    import zlib

    STANDARD.update(
        {
            "__future__": __future__,
            "_collections": _collections,
            "_json": _json,
            "_operator": _operator,
            "_signal": _signal,
            "_thread": _thread,
            "atexit": atexit,
            "binascii": binascii,
            "bisect": _bisect,
            "collections.abc": _collections_abc,
            "errno": errno,
            "functools": _functools,
            "itertools": itertools,
            "math": math,
            "operator": _operator,
            "struct": _struct,
            "warnings": warnings,
            "zlib": zlib,
        }
    )
    hashes = "_sha2" if sys.version_info >= (3, 12) else "_sha256"
    try:  # the interpreter's own, which loads no cryptography library
        STANDARD[hashes] = __import__(hashes)
    except ImportError:
        STANDARD["hashlib"] = __import__("hashlib")
