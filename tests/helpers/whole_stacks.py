"""Runs programs whose complete stacks are known, and compares the reported stacks with the expected ones.

A stack is a list of names, leaf to root (tests/specimens/whole_stacks/specimen.py). The names of the interpreter's C
functions differ between versions, as the expectations describe. They also depend on what a compiler inlines, so on
builds other than the TRIED ones these names, and only these, are left out of the comparison.
"""

from __future__ import annotations

import functools
import json
import platform
import sys
import sysconfig
from pathlib import Path

import native
from child import Child

SPECIMENS = Path(__file__).parent.parent / "specimens" / "whole_stacks"
VERSION = sys.version_info[:2]

TRIED = {(3, 9, 18), (3, 10, 13), (3, 11, 7), (3, 12, 1), (3, 13, 0)}
TRIED_COMPILER, TRIED_MACHINE = "GCC 12.2.0", "x86_64"

# A block allocated by the extension, one by the plain library, and a call of the plain library through ctypes.
LEAF = ["extension_leaf()", "extension_allocate()"]
CHAIN = ["chain_leaf()", "chain_middle()", "chain_outer()"]
CTYPES = ["<libffi>", "<ctypes>"]
CALLBACK = ["<ctypes>", "<libffi>", "chain_call()"]

Stacks = dict[int, list[str]]


def name(qualified: str) -> str:
    """Return the expected name: code objects know their qualified name from 3.11 on."""
    return qualified if VERSION >= (3, 11) else qualified.rpartition(".")[2]


def before(version: tuple[int, int], *frames: str) -> list[str]:
    return list(frames) if version > VERSION else []


def since(version: tuple[int, int], *frames: str) -> list[str]:
    return list(frames) if version <= VERSION else []


LIST_EXTEND = "_list_extend()" if VERSION >= (3, 13) else "list_extend()"


def is_tried() -> bool:
    """Return True if this interpreter's C functions are listed here and the interpreter has its symbols."""
    shared = sysconfig.get_config_var("Py_ENABLE_SHARED")
    names = ("LIBDIR", "INSTSONAME") if shared else ("BINDIR", "PYTHON")
    interpreter = Path(*map(str, sysconfig.get_config_vars(*names)))
    return (
        sys.version_info[:3] in TRIED
        and platform.python_compiler() == TRIED_COMPILER
        and platform.machine() == TRIED_MACHINE
        and "--with-lto" not in str(sysconfig.get_config_var("CONFIG_ARGS"))
        and interpreter.is_file()
        and b".symtab" in interpreter.read_bytes()
    )


def comparable(stacks: Stacks) -> Stacks:
    return stacks if is_tried() else {size: list(filter(is_ours, stack)) for size, stack in stacks.items()}


def is_ours(frame: str) -> bool:
    """Return False for a named C function of the interpreter. Frames without a name remain visible."""
    return not frame.endswith("()") or frame.startswith(("chain_", "extension_")) or "+0x" in frame


class Teller:
    """Runs programs that end with specimen.tell()."""

    def __init__(self, child: Child, libraries: Path) -> None:
        self.folder = child.folder
        self.child = child
        self.environment = {"PYTHONPATH": f"{SPECIMENS}:{libraries}", "CHAIN": str(libraries / "chain.so")}

    def assert_told(self, program: str, expected: Stacks) -> None:
        told = json.loads(self.child.run(program, environment=self.environment))
        stacks = {int(size): stack for size, stack in told.items()}
        assert comparable(stacks) == comparable(expected)


@functools.cache
def build_libraries(folder: Path) -> Path:
    """Compile the two libraries into a new ``folder``, once per process."""
    folder.mkdir()
    options = ["-O2", "-fomit-frame-pointer", "-pthread"]
    include = f"-I{sysconfig.get_path('include')}"
    native.compile_library(SPECIMENS / "chain.c", folder / "chain.so", *options)
    native.compile_library(SPECIMENS / "extension.c", folder / "extension.so", *options, include)
    return folder
