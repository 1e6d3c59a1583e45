"""Imports as a reader thinks of them: one frame ``import NAME`` instead of the import system's own frames.

    <module> (app.py:1)                            <module> (app.py:1)
     └ PyImport_ImportModuleLevelObject             └ import json
       └ _find_and_load (importlib._bootstrap)   ─►   ├ <module> (json/__init__.py:106)
         └ exec_module …                              │  └ import json.decoder …
           ├ <module> (json/__init__.py:106) …        └ (what loading the code itself allocated)
           └ get_code …

The frame that follows gives the module its name: ``<module>`` of its file, or, for an extension module, the library
whose code follows. If there is neither, the module is still being found and loaded. It is then taken to be the module
that the same line imports in other stacks, if there is only one; otherwise it has no name.
"""

from __future__ import annotations

from os.path import basename, dirname, splitext

from spprof.analysis.libraries import installed_paths, standard_paths
from spprof.pprof.profile import Location
from spprof.records import NamedTuple, replace
from spprof.results import Frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from spprof.pprof.profile import Profile

    Stack = tuple[int, ...]

IMPORT = "import "
"""Prefix of the function of such a frame; the module's name follows."""

_MACHINERY = ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
_MACHINERY_FILES = ("/importlib/_bootstrap.py", "/importlib/_bootstrap_external.py", "/importlib/__init__.py")
UNKNOWN = Frame("import <one of several>", "<frozen importlib._bootstrap>", 0, 0, True)
"""Stands for an import of an unknown module."""
_FROZEN = "<frozen "
_ARCHIVES = (".zip/", ".egg/", ".pyz/")
_DYNAMIC = "lib-dynload/"


def with_imports_folded(profile: Profile) -> Profile:
    """Return ``profile`` with one frame per import instead of the frames of the import system. If there are none,
    return ``profile`` itself.
    """
    folding = _Folding(profile)
    if not folding.has_imports:
        return profile
    folded = {stack: folding.folded(stack) for stack in {sample.stack for sample in profile.samples}}
    samples = [sample._replace(stack=folded[sample.stack]) for sample in profile.samples]
    return replace(profile, locations=folding.locations, samples=samples)


class _Run(NamedTuple):
    """Locations of a stack, root first, that are replaced by one import."""

    begin: int
    end: int
    importer: Frame | None
    """The line that imports."""
    module: Frame | None
    """The frame that names the import, if the stack shows it."""


class _Folding:
    """Folds the stacks of one profile."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self.locations = list(profile.locations)
        self._python = [next((one for one in place.frames if one.is_python), None) for place in profile.locations]
        self._extension = [self._extension_of(place) for place in profile.locations]
        """For each location, the path of the extension module to which its native code belongs; otherwise ""."""
        self._is_machinery = [one is not None and is_machinery(one.file) for one in self._python]
        self.has_imports = any(self._is_machinery)
        self._packages = {
            dirname(one.file) for one in self._python if one is not None and basename(one.file) == "__init__.py"
        }
        self._index: dict[Frame, int] = {}
        self._runs: dict[Stack, list[_Run]] = {}
        self._imported_by = self._find_runs() if self.has_imports else {}

    def folded(self, stack: Stack) -> Stack:
        """Return the stack with each import as one location."""
        runs = self._runs.get(stack)
        if not runs:
            return stack
        root_first = stack[::-1]
        kept: list[int] = []
        at = 0
        for run in runs:
            kept += root_first[at : run.begin]
            kept.append(self._location(run.module or self._only_import_of(run.importer)))
            at = run.end
        kept += root_first[at:]
        return tuple(reversed(kept))

    def _find_runs(self) -> dict[Frame, set[Frame]]:
        """Note the runs in every stack. Return what each line imports, as far as the stacks show it."""
        imported_by: dict[Frame, set[Frame]] = {}
        for stack in {sample.stack for sample in self._profile.samples}:
            if not any(map(self._is_machinery.__getitem__, stack)):
                continue
            runs = self._runs[stack] = list(self._runs_of(stack[::-1]))
            for run in runs:
                if run.importer and run.module:
                    imported_by.setdefault(run.importer, set()).add(run.module)
        return imported_by

    def _runs_of(self, root_first: Stack) -> Iterator[_Run]:
        at, importer = 0, None
        while at < len(root_first):
            place = root_first[at]
            end = self._end_of_machinery(root_first, at)
            if end > at:
                behind, module = self._named_by(root_first, end)
                yield _Run(at, behind, importer, module)
                at = behind
                continue
            importer = self._python[place] or importer
            at += 1

    def _end_of_machinery(self, root_first: Stack, begin: int) -> int:
        """Return the index after the last frame of the import system that is reached from ``begin`` through the
        interpreter's own native frames; ``begin`` if there is none. Native frames before it count only directly after a
        Python frame.
        """
        if self._is_native(root_first, begin - 1) and self._is_native(root_first, begin):
            return begin  # already tried from the previous native frame
        end = begin
        for at in range(begin, len(root_first)):
            place = root_first[at]
            if self._is_machinery[place]:
                end = at + 1
            elif self._python[place] is not None or self._extension[place]:
                break
        return end

    def _is_native(self, root_first: Stack, at: int) -> bool:
        return at >= 0 and self._python[root_first[at]] is None and not self._extension[root_first[at]]

    def _named_by(self, root_first: Stack, end: int) -> tuple[int, Frame | None]:
        """Return the index at which the import ends, after native frames that lead to the module's code, and the frame
        that names the import.
        """
        for at in range(end, len(root_first)):
            place = root_first[at]
            frame = self._python[place]
            if frame is not None:
                is_module = frame.function == "<module>"
                return (at, self._module(frame.file)) if is_module else (end, None)
            if self._extension[place]:
                return end, self._module(self._extension[place])
        return end, None

    def _extension_of(self, place: Location) -> str:
        path = self._profile.mappings[place.mapping].path if place.mapping >= 0 else ""
        return path if _is_extension(path) else ""

    def _module(self, file: str) -> Frame:
        return Frame(f"{IMPORT}{self._name_of(file)}", file, 0, 0, True)

    def _name_of(self, file: str) -> str:
        """Return the module's name, derived from the location of its file."""
        if file.startswith(_FROZEN) and file.endswith(">"):
            return file[len(_FROZEN) : -1]
        for paths in (installed_paths(file), standard_paths(file), _paths_in_archives(file)):
            if paths:
                return _dotted(paths[-1].removeprefix(_DYNAMIC))
        folder = dirname(file)
        while folder in self._packages:
            folder = dirname(folder)
        return _dotted(file[len(folder.rstrip("/")) + 1 :] if folder else file)

    def _only_import_of(self, importer: Frame | None) -> Frame:
        known = self._imported_by.get(importer, set()) if importer else set()
        return next(iter(known)) if len(known) == 1 else UNKNOWN

    def _location(self, frame: Frame) -> int:
        index = self._index.get(frame)
        if index is None:
            index = self._index[frame] = len(self.locations)
            self.locations.append(Location((frame,), -1, 0))
        return index


def is_machinery(file: str) -> bool:
    """Return whether a file is part of the import system itself."""
    return file in _MACHINERY or file.endswith(_MACHINERY_FILES)


def _paths_in_archives(file: str) -> list[str]:
    """Return the path within the innermost archive that contains the file; empty if there is none."""
    end = max(file.rfind(ending) for ending in _ARCHIVES)
    return [file[end + len(_ARCHIVES[0]) :]] if end >= 0 else []


def _is_extension(path: str) -> bool:
    name = basename(path)
    return ".cpython-3" in name or ".abi3.so" in name or (name.endswith(".so") and bool(installed_paths(path)))


def _dotted(path: str) -> str:
    """Return ``json.decoder`` for ``json/decoder.py``, ``json`` for ``json/__init__.py``."""
    path = _without_tag(path[: -len(".so")]) if path.endswith(".so") else splitext(path)[0]
    path = path[: -len("/__init__")] if path.endswith("/__init__") else path
    return path.replace("/", ".")


def _without_tag(path: str) -> str:
    """Return ``a/b`` for ``a/b.cpython-311-x86_64-linux-gnu`` and ``a/b.abi3``."""
    folder, slash, name = path.rpartition("/")
    name = name.removesuffix(".abi3") if ".cpython-3" not in name else name.partition(".cpython-3")[0]
    return f"{folder}{slash}{name}"
