"""How a C program is linked that embeds the Python in use.

A Python that was unpacked somewhere (make pythons) still names the folders it was built for.
"""

import sys
import sysconfig
from pathlib import Path


def _folder():
    """Where its shared library is."""
    told = Path(sysconfig.get_config_var("LIBDIR") or "")
    unpacked = Path(sys.base_prefix, "lib", sysconfig.get_config_var("MULTIARCH") or "")
    return told if Path(sys.base_prefix) in told.parents else unpacked


def with_shared_library():
    """What the compiler is to be given; None: this Python has no shared library."""
    folder, name = _folder(), sysconfig.get_config_var("LDLIBRARY") or ""
    if not name.endswith(".so") or not (folder / name).exists():
        return None
    # All that the library needs comes from its folder, whose libc may be a newer one than the linker knows.
    options = [f"-Wl,-rpath,{folder}", "-Wl,--disable-new-dtags", "-Wl,--allow-shlib-undefined"]
    options += [f"-Wl,--dynamic-linker={loader}" for loader in sorted(folder.glob("ld-linux-*.so.*"))[:1]]
    return [str(folder / name), *options]


def with_static_library():
    """The same, without a shared library."""
    variables = sysconfig.get_config_vars()
    static = Path(variables["LIBPL"]) / variables["LIBRARY"]
    if not static.exists():
        return None
    others = f"{variables['LIBS']} {variables['SYSLIBS']}".split()
    return ["-Wl,-export-dynamic", "-Wl,--whole-archive", str(static), "-Wl,--no-whole-archive", *others]
