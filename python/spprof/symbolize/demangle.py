"""A function's linker name, as a person would write it.

list_sort_impl.constprop.0          list_sort_impl
_ZN2ns5TableIiE6insertEi.part.0     ns::Table<int>::insert
_RNvNtCs1234_5alloc3vec4grow        alloc::vec::grow
memcpy@@GLIBC_2.14                  memcpy
"""

from __future__ import annotations

from spprof import _engine
from spprof.on_demand import module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.symbolize import cplusplus, rust
else:
    cplusplus = module("spprof.symbolize.cplusplus")
    rust = module("spprof.symbolize.rust")

_CLONES = "constprop part isra cold lto_priv localalias unlikely hot llvm specialized __uniq".split()
"""Suffixes that compilers append to the name of a copy of a function, or of a piece of one."""


def readable(name: str) -> str:
    """Return the name without versions and clone suffixes, demangled if it is a Rust or C++ name."""
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
    parts = name.split(".")
    while (kept := _without_clone(parts)) != parts and kept != [""]:
        parts = kept
    return ".".join(parts)


def _without_clone(parts: list[str]) -> list[str]:
    """Return the parts of a name, without the last clone suffix and the numbers after it."""
    last = len(parts) - 1
    while last > 0 and _is_number(parts[last]):
        last -= 1
    return parts[:last] if last > 0 and parts[last] in _CLONES else parts


def _is_number(text: str) -> bool:
    return bool(text) and not text.strip("0123456789abcdefABCDEF")
