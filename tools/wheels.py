"""Builds manylinux2014 wheels in build/wheels, without Docker.

python3 tools/wheels.py [VERSION...]              for this machine (default: every supported Python found)
python3 tools/wheels.py --aarch64 [VERSION...]    for aarch64: the Pythons in Debian's releases

`zig cc` compiles the engine once and the extension for each Python. It links against the symbols of glibc 2.17, so the
wheels run with that version and every later one. auditwheel then checks each wheel and puts the platform into its name.
The environment that runs this must have tools/requirements-build.txt and tools/requirements-wheels.txt installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import dependencies
import find_pythons

ROOT = Path(__file__).resolve().parents[1]
DEPENDENCIES = ROOT / "build" / "deps"
VENVS = ROOT / "build" / "venvs"
BUILD = ROOT / "build" / "wheels-build"
FILES = ROOT / "build" / "wheels"
REQUIREMENTS = ROOT / "tools" / "requirements-build.txt"

GLIBC = "2.17"
NEWEST_MINOR = int(GLIBC.partition(".")[2])

# The only disabled warning is about a GNU extension: the core has structs that contain a struct with a flexible array.
MACHINE_FILE = """[binaries]
c = ['{zig}', 'cc', '-target', '{machine}-linux-gnu.{glibc}']
ar = ['{zig}', 'ar']

[built-in options]
c_args = ['-ffile-prefix-map={root}=.', '-idirafter', '{headers}', '-Wno-gnu-variable-sized-type-not-at-end']
c_link_args = ['-Wl,--build-id=sha1']
"""
HOST_MACHINE = """
[host_machine]
system = 'linux'
cpu_family = '{machine}'
cpu = '{machine}'
endian = 'little'
"""
COMPILER_VARIABLES = ("CC", "CFLAGS", "CPPFLAGS", "LDFLAGS", "LD_PRELOAD", "MAKEFLAGS")


# ---- Tools


def zig() -> Path:
    """Return the compiler from the package ziglang."""
    found = importlib.util.find_spec("ziglang")
    if found is None or found.origin is None:
        sys.exit("ziglang is missing; `make wheels` installs it")
    return Path(found.origin).parent / "zig"


def environment(**more: str) -> dict[str, str]:
    """Return the variables for every command: our tools first on PATH, no flags for another compiler, and zig's cache
    in build/.
    """
    kept = {name: value for name, value in os.environ.items() if name not in COMPILER_VARIABLES}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**kept, "PATH": path, "ZIG_GLOBAL_CACHE_DIR": str(ROOT / "build" / "zig"), **more}


def run(*command: str | Path, variables: dict[str, str] | None = None) -> str:
    """Return a command's output. If the command fails, show the output and exit."""
    words = [str(word) for word in command]
    ended = subprocess.run(
        words,
        cwd=ROOT,
        env=variables or environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    if ended.returncode != 0:
        sys.exit(f"{ended.stdout}\n{' '.join(words)}: exit status {ended.returncode}")
    return ended.stdout


# ---- Steps


def machine_option(machine: str) -> str:
    """Return the option that makes meson build for a machine, and write the meson file of that machine."""
    file = BUILD / f"{machine}.ini"
    headers = BUILD / "include"
    headers.mkdir(parents=True, exist_ok=True)
    (headers / "crypt.h").touch()  # Python.h of 3.9 and 3.10 may include it; zig's headers of glibc lack it
    text = MACHINE_FILE.format(zig=zig(), machine=machine, glibc=GLIBC, root=ROOT, headers=headers)
    is_native = machine == platform.machine()
    text += "" if is_native else HOST_MACHINE.format(machine=machine)
    if file.exists() and file.read_text(encoding="utf-8") != text:
        shutil.rmtree(BUILD / machine, ignore_errors=True)  # meson keeps the options of its first setup
    file.write_text(text, encoding="utf-8")
    return f"--{'native' if is_native else 'cross'}-file={file}"


def build_engine(machine: str) -> Path:
    folder = BUILD / machine / "engine"
    options = ("-Dpython=false", "-Dwerror=true", machine_option(machine))
    run("meson", "setup", "--reconfigure", *options, folder)
    run("meson", "compile", "-C", folder)
    return folder / "libspprof_alloc.so"


def build_wheel(version: str, interpreter: str, machine: str, engine: Path) -> Path:
    """Build a Python's wheel with meson-python, which tags the wheel for any Linux on that machine."""
    venv, folder = VENVS / version, BUILD / machine / version
    run(interpreter, "tools/venv.py", venv, REQUIREMENTS)
    raw = folder / "wheel"
    shutil.rmtree(raw, ignore_errors=True)
    options = (machine_option(machine), f"-Dengine={engine}", "-Dwerror=true")
    settings = [f"-Cbuild-dir={folder / 'build'}", *(f"-Csetup-args={option}" for option in options)]
    pip = (venv / "bin/python", "-m", "pip", "--disable-pip-version-check", "wheel")
    variables = environment(**(foreign_python(version) if machine != platform.machine() else {}))
    variables["PATH"] = f"{venv / 'bin'}:{variables['PATH']}"
    run(*pip, "--no-build-isolation", "--no-deps", "--wheel-dir", raw, *settings, ".", variables=variables)
    (wheel,) = raw.glob("*.whl")
    return wheel


def name_platform(wheel: Path, machine: str) -> tuple[Path, str]:
    """Return the wheel in build/wheels, named for its platforms, and auditwheel's verdict. Exit if the wheel needs a
    newer glibc.
    """
    auditwheel = (sys.executable, "-m", "auditwheel")
    shown = run(*auditwheel, "show", wheel)
    verdict = re.search(r'platform\s+tag:\s+"(manylinux_\d+_(\d+)_\w+)"', shown)
    if verdict is None or int(verdict[2]) > NEWEST_MINOR:
        sys.exit(f"{shown}\n{wheel.name} does not run with glibc {GLIBC}")
    stem = wheel.name.rpartition("-")[0]
    for old in FILES.glob(f"{stem}-*_{machine}.whl"):
        old.unlink()
    run(*auditwheel, "repair", "--plat", "auto", "--wheel-dir", FILES, wheel)  # auto also handles other machines' names
    (named,) = FILES.glob(f"{stem}-*_{machine}.whl")
    return named, verdict[1]


# ---- Another machine's Python


def foreign_python(version: str) -> dict[str, str]:
    """Return the variables that make this machine's Python build for Debian's aarch64 Python: headers and suffix."""
    home = DEPENDENCIES / f"aarch64-python{version}"
    if not home.exists():
        dependencies.provide(dependencies.aarch64_python(version), home)
    (original,) = home.glob(f"usr/lib/python{version}/_sysconfigdata__aarch64-linux-gnu.py")
    folder = BUILD / "aarch64" / version / "sysconfig"
    folder.mkdir(parents=True, exist_ok=True)
    headers = str(home / f"usr/include/python{version}")
    changed = {"INCLUDEPY": headers, "CONFINCLUDEPY": headers, "LIBPC": str(home / "usr/lib/pkgconfig")}
    text = f"{original.read_text(encoding='utf-8')}\nbuild_time_vars.update({changed!r})\n"
    (folder / "_sysconfigdata_aarch64.py").write_text(text, encoding="utf-8")
    return {
        "PYTHONPATH": str(folder),
        "_PYTHON_SYSCONFIGDATA_NAME": "_sysconfigdata_aarch64",
        "_PYTHON_HOST_PLATFORM": "linux-aarch64",
    }


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--aarch64", action="store_true")
    parser.add_argument("versions", nargs="*")
    asked = parser.parse_args()
    found = find_pythons.find()
    wanted = asked.versions or [v for v in found if not asked.aarch64 or v in dependencies.DEBIAN_PYTHONS]
    missing = [version for version in wanted if version not in found]
    if missing:
        sys.exit(f"no Python {', '.join(missing)} with headers and venv was found; `make pythons` fetches the newest")
    machine = "aarch64" if asked.aarch64 else platform.machine()
    engine = build_engine(machine)
    for version in wanted:
        wheel, verdict = name_platform(build_wheel(version, found[version], machine, engine), machine)
        print(f"{wheel.relative_to(ROOT)}: auditwheel: {verdict}", flush=True)


if __name__ == "__main__":
    main()
