"""Builds wheels for macOS 12 and newer, for arm64 and x86-64, in build/wheels on Linux, and checks them.

python3 tools/macos.py [VERSION...]     default: every version found here that has headers for macOS

`zig cc` compiles the engine once for each machine, and the extension for each machine and Python, against the headers
that tools/macos_python.py fetches. tools/macos_check.py then reads the libraries of each wheel. The environment that
runs this must have tools/requirements-build.txt and tools/requirements-macos.txt installed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import find_pythons
import macos_check
import macos_python
import zig_build
from macos_rules import ENGINE, MINIMUM
from zig_build import FILES, ROOT, VENVS, zig

BUILD = ROOT / "build" / "macos-build"
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Apple's names of the machines, and zig's and meson's."""

# Without -S, the libraries would name files of this machine: where the objects with the debug information were. The
# names of functions stay.
MACHINE_FILE = """[binaries]
c = ['{zig}', 'cc', '-target', '{machine}-macos.{minimum}']
ar = ['{zig}', 'ar']

[built-in options]
c_args = ['-ffile-prefix-map={root}=.']
c_link_args = ['-Wl,-S']

[host_machine]
system = 'darwin'
cpu_family = '{machine}'
cpu = '{machine}'
endian = 'little'
"""


def machine_option(machine: str) -> str:
    """Return the option that makes meson build for a machine, and write the meson file of that machine."""
    file = BUILD / f"{machine}.ini"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = MACHINE_FILE.format(zig=zig(), machine=MACHINES[machine], minimum=MINIMUM, root=ROOT)
    zig_build.write_machine_file(file, text, BUILD / machine)
    return f"--cross-file={file}"


def build_engine(machine: str) -> Path:
    folder = BUILD / machine / "engine"
    zig_build.build_engine(folder, machine_option(machine))
    return folder / ENGINE


# ---- Wheels


def foreign_python(version: str, machine: str) -> dict[str, str]:
    """Return the variables that make this machine's Python build for a Mac's."""
    home = macos_python.find(version, machine)
    known = macos_python.build_time_variables(version, str(home / "include" / f"python{version}"))
    folder = BUILD / machine / version / "sysconfig"
    text = f"build_time_vars = {known!r}\n"
    variables = zig_build.foreign_variables(folder, f"macos_{machine}", text, f"macosx-{MINIMUM}-{machine}")
    return {**variables, "MACOSX_DEPLOYMENT_TARGET": MINIMUM}


def build_wheel(version: str, interpreter: str, machine: str, engine: Path) -> Path:
    """Return the wheel in build/wheels, in the place of an earlier one."""
    folder = BUILD / machine / version
    options = (machine_option(machine), f"-Dengine={engine}")
    built = zig_build.build_wheel(VENVS / version, interpreter, folder, options, foreign_python(version, machine))
    FILES.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(built, FILES))


def main() -> None:
    found = find_pythons.find()
    wanted = sys.argv[1:] or [version for version in found if version in macos_python.RELEASES]
    missing = [version for version in wanted if version not in found or version not in macos_python.RELEASES]
    if missing or not wanted:
        known = ", ".join(macos_python.RELEASES)
        sys.exit(f"Python {', '.join(missing) or known} was not found here, or is not one of {known}")
    wheels = []
    for machine in MACHINES:
        engine = build_engine(machine)
        wheels += [build_wheel(version, found[version], machine, engine) for version in wanted]
    sys.exit(macos_check.check(wheels))


if __name__ == "__main__":
    main()
