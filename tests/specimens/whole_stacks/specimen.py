"""Shared by the specimens: the libraries built next to them, and the stacks at which their blocks were allocated.

A block is identified by its size. A stack is a list of names, leaf to root: Python functions by their names, native
ones with "()" appended. Consecutive frames of a library that is usually stripped appear as one "<name>".
"""

from __future__ import annotations

import ctypes
import json
import os
from itertools import groupby
from typing import TYPE_CHECKING

import extension
from spprof import memprof

if TYPE_CHECKING:
    from spprof.memprof import Frame

CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_size_t)
STRIPPED = {
    "libffi.": "<libffi>",
    "libc.": "<libc>",
    "_ctypes.": "<ctypes>",
    "_asyncio.": "<asyncio>",
    "_greenlet.": "<greenlet>",
    "_multiarray_umath.": "<numpy>",
}


def load_chain() -> ctypes.CDLL:
    library = ctypes.CDLL(os.environ["CHAIN"])
    for function in ("chain_outer", "chain_alloca", "chain_run_thread", "chain_signal"):
        getattr(library, function).argtypes = [ctypes.c_size_t]
    library.chain_call.argtypes = [CALLBACK, ctypes.c_size_t]
    return library


chain = load_chain()
allocate = extension.allocate


def libraries() -> list[tuple[int, int, str]]:
    """Return (start, end, file name) of all mapped files."""
    mapped = []
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            fields = line.split(maxsplit=5)
            if len(fields) == 6 and fields[5].startswith("/"):
                start, end = (int(address, 16) for address in fields[0].split("-"))
                mapped.append((start, end, os.path.basename(fields[5].strip())))
    return mapped


def name(frame: Frame, mapped: list[tuple[int, int, str]]) -> str:
    if frame.is_python or frame.address == 0:
        return frame.function
    for start, end, library in mapped:
        if start <= frame.address - 1 < end:
            stripped = [name for prefix, name in STRIPPED.items() if library.startswith(prefix)]
            return stripped[0] if stripped else f"{frame.function}()"
    return f"{frame.function} in no library"


def names(stack: tuple[Frame, ...], mapped: list[tuple[int, int, str]]) -> list[str]:
    told = []
    for name_, same in groupby(name(frame, mapped) for frame in stack):
        told += [name_] if name_.startswith("<") and name_ in STRIPPED.values() else list(same)
    return told


def tell(*sizes: int) -> None:
    """Print the stack of the only block of each size."""
    memprof.stop()
    mapped, found = libraries(), {}
    for sample in memprof.get_snapshot().samples:
        if sample.size in sizes:
            assert sample.size not in found, f"several blocks of {sample.size} bytes"
            found[sample.size] = names(sample.stack, mapped)
    print(json.dumps(found))
