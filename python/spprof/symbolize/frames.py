"""Turns the words of a stack into frames, each word only once in the life of a process.

    word ──► interpreted: code object, position ────────────────────────────────► Frame
         └─► native: generation, return address ─► module ─► function ─► file:line ─► Frame

New words are looked up together: a module's symbol table is read once for all addresses in it, and only files that have
line numbers are searched for them. The result for a word never changes, so it is kept. Nothing else is kept.

A module that was unloaded is still read from its file. If the file is now a different build, or cannot be read, only
the module's name and the offset in it are known.

Threads: any. If two threads look up a new word at once, both get the result that was stored first.
"""

from __future__ import annotations

import os

from spprof import _engine
from spprof.records import NamedTuple
from spprof.results import Frame
from spprof.symbolize.demangle import readable
from spprof.symbolize.interpreter_frames import CALLING, PYTHON, TELLING, home_of, role_of
from spprof.symbolize.modules import ADDRESS, Modules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from spprof.symbolize.modules import Module

# The bits of a word, as in include/spprof.h.
INTERPRETED = 1 << 63
_DEBUG_FILES = "/usr/lib/debug/.build-id"
"""The folder in which distributions put the debug information that they strip from files, by build id."""


class Symbol(NamedTuple):
    """The frame of a word, and how it is shown."""

    frame: Frame
    role: str
    """How the frame is treated when its stack is shown."""


_symbols: dict[int, Symbol] = {}
_python_frames: dict[tuple[str, str, int], Frame] = {}
"""Equal frames share one object, since a line has many positions."""


def symbols_of(words: Iterable[int]) -> list[Symbol]:
    """Return what ``learn`` has found out about each word. KeyError: a word was not passed to ``learn`` before."""
    return [_symbols[word] for word in words]


def learn(words: Iterable[int]) -> None:
    """Look up all words that are new."""
    native = []
    for word in words:
        if word in _symbols:
            continue
        if word & INTERPRETED:
            _symbols.setdefault(word, _python_symbol(word))
        else:
            native.append(word)
    if native:
        _learn_native(native)


def _python_symbol(word: int) -> Symbol:
    record = _engine.code(word)
    frame = _python_frames.get(record) or _python_frames.setdefault(record, Frame(*record, 0, True))
    return Symbol(frame, PYTHON)


# ---- Native words


def _learn_native(words: list[int]) -> None:
    modules = Modules(_engine.modules())
    interpreter = modules.holding(_engine.interpreter_address() + 1)
    words_of: dict[Module | None, list[int]] = {}
    for word in words:
        words_of.setdefault(modules.holding(word), []).append(word)
    for module, some in words_of.items():
        if module is None:
            for word in some:
                address = word & ADDRESS
                _symbols.setdefault(word, Symbol(Frame(f"0x{address:x}", "", 0, address, False), TELLING))
        else:
            _learn_in_module(module, module == interpreter, some)


def _learn_in_module(module: Module, is_interpreter: bool, words: list[int]) -> None:
    home = home_of(module.name, is_interpreter)
    places = {word: (word & ADDRESS) - 1 - module.base for word in words}
    names, lines_path = _functions(module, sorted(set(places.values())))
    roles = {word: role_of(home, names.get(place)) for word, place in places.items()}
    # Frames that are never shown do not need lines.
    shown = {places[word] for word, role in roles.items() if role != CALLING}
    lines = _lines(lines_path, sorted(shown))
    for word, place in places.items():
        name = names.get(place) or f"{module.name}+0x{place + 1:x}"
        file, line = lines.get(place, (module.path, 0))
        _symbols.setdefault(word, Symbol(Frame(name, file, line, word & ADDRESS, False), roles[word]))


def _functions(module: Module, places: list[int]) -> tuple[dict[int, str], str | None]:
    """Return function names, keyed by offset in the file, and the file that has line numbers, if any."""
    if not os.path.isabs(module.path):
        return {}, None  # the kernel's page has a name but no file; a file of that name here is unrelated
    status, has_symtab, has_lines, found = _engine.symbols(module.path, module.build_id, places)
    if status != "found":
        return {}, None
    lines_path = module.path if has_lines else None
    if module.build_id and not (has_symtab and has_lines):
        debug_path = _debug_path(module.build_id)
        status, debug_has_symtab, has_lines, debug_found = _engine.symbols(debug_path, module.build_id, places)
        if debug_has_symtab and not has_symtab:
            found = debug_found
        if has_lines and lines_path is None and status == "found":
            lines_path = debug_path
    readable_names = {name: readable(name) for name in {entry[0] for entry in found if entry}}
    return {place: readable_names[entry[0]] for place, entry in zip(places, found) if entry}, lines_path


def _debug_path(build_id: bytes) -> str:
    digits = build_id.hex()
    return f"{_DEBUG_FILES}/{digits[:2]}/{digits[2:]}.debug"


def _lines(path: str | None, places: list[int]) -> dict[int, tuple[str, int]]:
    if path is None or not places:
        return {}
    return {place: line for place, line in zip(places, _engine.lines(path, places)) if line}
