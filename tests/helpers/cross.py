"""Builds for aarch64 and runs the result, on any machine whose packages come from Debian or Ubuntu.

build/deps/aarch64      the cross compiler of the host gcc's version, and a libc; unpacked, not installed
build/deps/aarch64-…    an emulator, and packages for aarch64 itself
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPENDENCIES = ROOT / "build" / "deps"
EMULATORS = ("qemu-aarch64-static", "qemu-aarch64")
TIMEOUT_SECONDS = 1200

COMPILER_PACKAGES = """
    gcc-{major}-aarch64-linux-gnu gcc-{major}-aarch64-linux-gnu-base cpp-{major}-aarch64-linux-gnu
    binutils-aarch64-linux-gnu libgcc-{major}-dev-arm64-cross libgcc-s1-arm64-cross
    libc6-dev-arm64-cross libc6-arm64-cross linux-libc-dev-arm64-cross
"""

# Meson and the compiler's own parts find the compiler by its path. Its assembler and linker need libraries next to
# them.
MACHINE = """
[binaries]
c = ['{compiler}', '--sysroot={root}']
ar = '{root}/usr/bin/aarch64-linux-gnu-ar'
strip = '{root}/usr/bin/aarch64-linux-gnu-strip'
exe_wrapper = ['{emulator}', '-cpu', '{cpu}', '-L', '{libc}']
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
"""

# CPUs with and without pointer authentication and branch target identification.
CPUS = {"signing": "max,pauth-impdef=on", "plain": "cortex-a57"}


def attempt(
    *command: str | Path, environment: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run a command until it ends, with stdout and stderr combined."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=dict(environment or os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def output_of(*command: str | Path, environment: Mapping[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Return the command's output. Raise AssertionError, with the output, if the command fails."""
    finished = attempt(*command, environment=environment, cwd=cwd)
    assert finished.returncode == 0, (
        f"{shlex.join(map(str, command))}\nended with {finished.returncode}\n{finished.stdout}"
    )
    return finished.stdout


def unpack(name: str, packages: str) -> Path:
    """Return the folder with these packages unpacked, and download them if necessary. Skip the test if they are
    unavailable.
    """
    folder = DEPENDENCIES / name
    if folder.exists():
        return folder
    DEPENDENCIES.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=DEPENDENCIES))
    try:
        fetched = attempt(sys.executable, ROOT / "tools/fetch_debian.py", partial, *packages.split())
        if fetched.returncode != 0:
            told = [line for line in fetched.stdout.splitlines() if line.startswith("E: ")]
            pytest.skip(f"the packages of build/deps/{name} are unavailable: {' '.join(told) or 'apt-get failed'}")
        for leftover in [partial / "apt", partial / "packages", *unneeded_emulators(partial)]:
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def unneeded_emulators(root: Path) -> list[Path]:
    """Return the emulators of about forty other architectures, 300 MB in all."""
    return [file for file in root.glob("usr/bin/qemu-*") if file.name not in EMULATORS]


def find_emulator() -> Path:
    """Return a statically linked emulator. It comes from qemu-user-static on Debian 12, and from qemu-user on later
    releases.
    """
    for package in ("qemu-user-static", "qemu-user"):
        root = unpack(f"aarch64-{package}", package)
        for name in EMULATORS:
            if (root / "usr/bin" / name).exists():
                return root / "usr/bin" / name
    pytest.skip(f"the packages contain neither {' nor '.join(EMULATORS)}")


@dataclass(frozen=True)
class Toolchain:
    root: Path
    compiler: Path
    emulator: Path

    @property
    def libc(self) -> Path:
        return self.root / "usr/aarch64-linux-gnu"

    def environment(self) -> dict[str, str]:
        """Return the environment for anything that calls the compiler."""
        libraries = [str(folder) for folder in self.root.glob("usr/lib/*-linux-gnu")]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries), "PATH": path}

    def compile(self, *arguments: str | Path) -> None:
        output_of(self.compiler, f"--sysroot={self.root}", *arguments, environment=self.environment())

    def build(self, folder: Path, *options: str) -> Path:
        """Build the project into `folder` with meson, without Python."""
        machine = folder.with_suffix(".ini")
        values = {"compiler": self.compiler, "root": self.root, "emulator": self.emulator, "libc": self.libc}
        machine.write_text(MACHINE.format(cpu=CPUS["signing"], **values))
        checked = ("-Dpython=false", "-Dchecks=true", "-Dwerror=true")
        setup = ("meson", "setup", "--cross-file", machine)
        output_of(*setup, *checked, *options, folder, environment=self.environment())
        output_of("meson", "compile", "-C", folder, environment=self.environment())
        return folder

    def extend(self, folder: Path, *options: str) -> None:
        """Build the targets that these options add to an existing build."""
        output_of("meson", "configure", *options, folder, environment=self.environment())
        output_of("meson", "compile", "-C", folder, environment=self.environment())

    def run(
        self, program: Path, *arguments: str | Path, cpu: str = "signing", variables: str = "", libc: Path | None = None
    ) -> str:
        """Run an aarch64 program and return its output. `variables` is its environment, written as "name=value,…"."""
        given = ("-E", variables) if variables else ()
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LD_")}
        return output_of(
            self.emulator, "-cpu", CPUS[cpu], "-L", libc or self.libc, *given, program, *arguments, environment=clean
        )


def find_toolchain() -> Toolchain:
    """Return the cross toolchain. Skip the test if it is missing or does not work."""
    if platform.machine() == "aarch64":
        pytest.skip("this machine is aarch64, so the other tests cover this")
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("this machine has no gcc with a matching cross compiler")
    major = output_of(compiler, "-dumpversion").strip().partition(".")[0]
    root = unpack("aarch64", COMPILER_PACKAGES.format(major=major))
    return Toolchain(root, root / f"usr/bin/aarch64-linux-gnu-gcc-{major}", find_emulator())
