"""Linker options for a C program that embeds the current Python.

A Python that was unpacked elsewhere (make pythons) still reports the folders that it was built for.
"""

import sys
import sysconfig
from pathlib import Path


def _folder():
    """Return the folder that holds Python's shared library."""
    told = Path(sysconfig.get_config_var("LIBDIR") or "")
    unpacked = Path(sys.base_prefix, "lib", sysconfig.get_config_var("MULTIARCH") or "")
    return told if Path(sys.base_prefix) in told.parents else unpacked


def with_shared_library():
    """Return the compiler's options, or None if this Python has no shared library."""
    folder, name = _folder(), sysconfig.get_config_var("LDLIBRARY") or ""
    if not name.endswith(".so") or not (folder / name).exists():
        return None
    # The library finds its dependencies in its own folder, whose libc may be newer than the one known to the linker.
    options = [f"-Wl,-rpath,{folder}", "-Wl,--disable-new-dtags", "-Wl,--allow-shlib-undefined"]
    options += [f"-Wl,--dynamic-linker={loader}" for loader in sorted(folder.glob("ld-linux-*.so.*"))[:1]]
    return [str(folder / name), *options]


def with_static_library():
    """Return the compiler's options for static linking, or None if this Python has no static library."""
    variables = sysconfig.get_config_vars()
    static = Path(variables["LIBPL"]) / variables["LIBRARY"]
    if not static.exists():
        return None
    others = f"{variables['LIBS']} {variables['SYSLIBS']}".split()
    return ["-Wl,-export-dynamic", "-Wl,--whole-archive", str(static), "-Wl,--no-whole-archive", *others]
