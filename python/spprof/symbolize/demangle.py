"""The linker's name of a function, as a person would write it.

list_sort_impl.constprop.0          list_sort_impl
_ZN2ns5TableIiE6insertEi.part.0     ns::Table<int>::insert
_RNvNtCs1234_5alloc3vec4grow        alloc::vec::grow
memcpy@@GLIBC_2.14                  memcpy
"""

from __future__ import annotations

import re

from spprof import _engine
from spprof.symbolize import cplusplus, rust

_CLONE = re.compile(
    r"\.(?:constprop|part|isra|cold|lto_priv|localalias|unlikely|hot|llvm|specialized|__uniq)(?:\.[0-9a-fA-F]+)*$"
)
"""What compilers append to the name of a copy that they made of a function, or of a piece of one."""


def readable(name: str) -> str:
    """The name without versions and clone suffixes, demangled if it is one of Rust's or C++'s."""
    plain = _without_clones(name.partition("@")[0] or name)
    if plain.startswith(("_R", "_ZN")):
        decoded = rust.decoded(plain)
        if decoded is not None:
            return decoded
    if plain.startswith("_Z"):
        mangled, _, rest = plain.partition(".")
        demangled = _engine.demangle(mangled)
        if demangled is not None:
            return cplusplus.without_signature(demangled) + ("." + rest if rest else "")
    return plain


def _without_clones(name: str) -> str:
    while (shorter := _CLONE.sub("", name)) != name and shorter:
        name = shorter
    return name
