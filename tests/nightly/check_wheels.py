"""Inspects the wheels of build/wheels, installs and runs them in clean Debian releases, and writes a table.

python tests/nightly/check_wheels.py [RELEASE...]     default: all releases; if some are named, no table

The table is tests/nightly/WHEELS.md. Each release has a root in build/roots, created once, where its own Python
installs a wheel without a compiler or a network. The wheels for aarch64 run under an emulator, with Debian's Python and
C library. Needs root. The exit status is 1 if anything failed.
"""

from __future__ import annotations

import datetime
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "helpers")]
sys.path.append(str(ROOT / "tools"))  # after the standard library, because the folder has a venv.py
import cross  # noqa: E402
import debian_root  # noqa: E402
import dependencies  # noqa: E402
import markdown_tables  # noqa: E402
from specimens import specimen  # noqa: E402

TABLE = ROOT / "tests" / "nightly" / "WHEELS.md"
WHEELS = ROOT / "build" / "wheels"
ROOTS = ROOT / "build" / "roots"
EXPORTED = ROOT / "tests" / "tidy" / "exported_symbols.txt"
RELEASES = ("bullseye", "bookworm", "trixie", "sid")
PACKAGES = ["python3", "python3-venv"]
NEWEST_GLIBC = (2, 17)
AARCH64_TAG = "manylinux2014_aarch64"
WORK = "/opt/check"

HEAD = """# Wheels, installed and run where people have them

`make check-wheels` writes this table. *Newest*: the newest symbol version of glibc that a wheel's libraries ask for.
*Needs*: the libraries they load, besides each other. Each Debian release below is a clean root without a compiler,
where the release's own Python installs a wheel without a network. aarch64 runs under an emulator, without the demo and
`spprof run`: there a program profiles itself. *Whole stacks*: of its samples, no stack is truncated. *Table*: `spprof
table` names the function that holds the memory, and the one that uses the CPU.
*Up to _start*: the program's first function has no unwind table, as in Debian 11's aarch64 Python, so every stack
counts as truncated although it reaches that function.

"""
LIBC_FILES = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2"}
LOADERS = {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}

faults: list[str] = []


def must(is_true: object, fault: str) -> bool:
    if not is_true:
        print(f"FAULT: {fault}", flush=True)
        faults.append(fault)
    return bool(is_true)


# ---- Contents of a wheel


def readelf(library: Path, *options: str) -> str:
    command = ["readelf", "--wide", *options, str(library)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout


def defined(library: Path) -> list[str]:
    symbols = re.findall(r"(?:GLOBAL|WEAK) +(?:DEFAULT|PROTECTED) +(\S+) (\S+)$", readelf(library, "--dyn-syms"), re.M)
    return sorted(name.partition("@")[0] for section, name in symbols if section != "UND")


def auditwheel(wheel: Path) -> str:
    """Return auditwheel's verdict: the platform that the libraries are compatible with."""
    shown = subprocess.run(
        [ROOT / "build/venvs/wheels/bin/python", "-m", "auditwheel", "show", wheel],
        capture_output=True,
        encoding="utf-8",
    )
    verdict = re.search(r'platform\s+tag:\s+"(\w+)"', shown.stdout)
    return verdict[1] if verdict else "none"


def inspect(wheel: Path) -> list[str]:
    """Return a row of the table. Also compare the libraries with the properties that the engine must have."""
    folder = ROOT / "build" / "wheels-build" / "inspected"
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    engine = folder / "spprof" / "libspprof_alloc.so"
    (extension,) = folder.glob("spprof/_engine.*.so")
    needed, versions = set(), set()
    for library in (engine, extension):
        needed |= set(re.findall(r"\(NEEDED\).*?\[(.+?)\]", readelf(library, "--dynamic")))
        versions |= {(2, int(minor)) for minor in re.findall(r"GLIBC_2\.(\d+)", readelf(library, "--version-info"))}
        sections = readelf(library, "--sections", "--notes")
        for section in (".eh_frame_hdr", ".debug_info", ".debug_line", ".symtab", ".note.gnu.build-id"):
            must(f" {section} " in sections, f"{wheel.name}: {library.name} has no {section}")
    needed -= {engine.name}
    flags = readelf(engine, "--dynamic", "--program-headers")
    must(needed <= LIBC_FILES | LOADERS, f"{wheel.name} needs {needed - LIBC_FILES - LOADERS}")
    must(max(versions) <= NEWEST_GLIBC, f"{wheel.name} needs glibc {max(versions)}")
    must(defined(engine) == EXPORTED.read_text().split(), f"{wheel.name}: the engine exports other symbols")
    must(
        defined(extension) == ["PyInit__engine", "sp_stacks_text", "sp_state_text"],
        f"{wheel.name}: {defined(extension)}",
    )
    must(all(word in flags for word in ("NODELETE", "STATIC_TLS", "BIND_NOW")), f"{wheel.name}: flags of the engine")
    segment = re.search(r"^\s*TLS\s+(?:0x\w+\s+){4}(0x\w+)", flags, re.M)
    must(segment and int(segment[1], 16) == 64, f"{wheel.name}: a thread does not cost 64 bytes of static TLS")
    verdict = auditwheel(wheel)
    must("manylinux_2_17" in verdict, f"{wheel.name}: auditwheel says {verdict}")
    newest = "GLIBC_{}.{}".format(*max(versions))
    libraries = " ".join(sorted(needed - LOADERS))
    name = re.sub(r"(cp\d+-cp\d+)-", r"\1 ", wheel.stem.split("-", 2)[2])
    return [name, verdict, newest, libraries, f"{wheel.stat().st_size / 2**20:.2f} MiB"]


# ---- Roots


@dataclass
class Row:
    machine: str
    system: str
    glibc: str = ""
    python: str = ""
    steps: dict[str, str] = field(default_factory=dict)

    def judge(self, step: str, ended: subprocess.CompletedProcess[str], *patterns: str) -> str:
        """Print the output of a step. The step passes if it succeeded and its output matches all patterns."""
        print(f"---- {self.machine} {self.system}: {step}\n{ended.stdout.rstrip()}", flush=True)
        good = ended.returncode == 0 and all(re.search(pattern, ended.stdout, re.M) for pattern in patterns)
        self.steps[step] = "yes" if good and self.steps.get(step, "yes") == "yes" else "NO"
        must(good, f"{self.machine} {self.system}: {step} (exit status {ended.returncode})")
        return ended.stdout

    def cells(self) -> list[str]:
        return [self.machine, self.system, self.glibc, self.python, *(self.steps.get(step, "") for step in STEPS)]


STEPS = ("pip install", "import", "demo", "run --cpu", "run", "whole stacks", "table")
WHICH = "import platform, sys; print(platform.libc_ver()[1], platform.python_version())"
LIBRARY = "from spprof import _engine; print(_engine.library_path())"


def supply(folder: Path, version: str) -> None:
    """Collect everything that is installed and run: all our wheels, from which pip chooses, numpy for the demo, and
    programs.
    """
    numpy = ROOT / "build" / "roots" / f"numpy-{version}"
    if not numpy.exists():
        platforms = [f"--platform=manylinux_2_{minor}_x86_64" for minor in (17, 27, 28)]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *platforms]
        requirements = ROOT / "tools" / "requirements-demo.txt"
        command += [f"--python-version={version}", f"--dest={numpy}.partial", f"--requirement={requirements}"]
        subprocess.run(command, check=True)
        Path(f"{numpy}.partial").replace(numpy)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "wheels").mkdir(parents=True)
    for file in [*WHEELS.glob("*.whl"), *numpy.glob("*.whl")]:
        shutil.copy2(file, folder / "wheels")
    programs = [specimen("wheels/holds_and_spins"), specimen("wheels/profiles_itself")]
    for file in [ROOT / "examples" / "demo.py", *programs]:
        shutil.copy2(file, folder)


def check_release(release: str) -> Row:
    home, row = ROOTS / release, Row("x86-64", f"Debian {release}")
    try:
        debian_root.provide(release, home, PACKAGES)
    except (OSError, subprocess.CalledProcessError) as error:
        must(False, f"the root of {release} was not made: {error}")
        return row

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return debian_root.run(home, *command, folder=WORK)

    (home / WORK[1:]).mkdir(parents=True, exist_ok=True)
    row.glibc, row.python = run("python3", "-c", WHICH).stdout.split()
    supply(home / WORK[1:], row.python.rpartition(".")[0])
    compilers = run("sh", "-c", "command -v cc gcc clang").stdout.split()
    must(not compilers, f"{release} has a compiler: {compilers}")
    python, spprof = f"{WORK}/venv/bin/python", f"{WORK}/venv/bin/spprof"
    made = run("python3", "-m", "venv", "--clear", f"{WORK}/venv")
    must(made.returncode == 0, f"{release}: no virtual environment: {made.stdout}")
    install = ("install", "--disable-pip-version-check", "--no-index", "--find-links", "wheels", "spprof", "numpy")
    row.judge("pip install", run(python, "-m", "pip", *install), r"Successfully installed .*spprof-")
    row.judge(
        "import", run(python, "-c", "import spprof; print(spprof.__version__, spprof.__file__)"), r"^\d+\.\d+\.\d+ "
    )
    preload = "LD_PRELOAD=" + run(python, "-c", LIBRARY).stdout.strip()
    row.judge("demo", run("env", preload, python, "demo.py"), r"remember_session", r"native allocations: preload")
    row.judge("run --cpu", run(spprof, "run", "--cpu", "-o", "cpu.pb.gz", "holds_and_spins.py"), r"\bspin\b")
    row.judge("run", run(spprof, "run", "-o", "heap.pb.gz", "holds_and_spins.py"), r"\bhold\b")
    whole = run("env", preload, python, "profiles_itself.py", "self.pb.gz")
    row.judge("whole stacks", whole, r"^0\.00% of the stacks are truncated")
    row.judge("table", run(spprof, "table", "cpu.cpu.pb.gz"), r"\bspin\b")
    row.judge("table", run(spprof, "table", "heap.pb.gz"), r"\bhold\b")
    return row


# ---- aarch64


def start_is_described(program: Path) -> bool:
    """True if the program's first function has an unwind table, which marks the end of every stack."""
    entry = re.search(r"Entry point address: +0x(\w+)", readelf(program, "--file-header"))
    return entry is not None and f"pc={entry[1]:0>16}.." in readelf(program, "--debug-dump=frames")


def check_aarch64(wheel: Path, version: str) -> Row:
    row = Row("aarch64", f"Debian {dependencies.DEBIAN_PYTHONS[version]}")
    home = ROOT / "build" / "deps" / f"aarch64-python{version}"
    emulator = cross.find_emulator()
    folder = ROOTS / f"aarch64-{version}"
    shutil.rmtree(folder, ignore_errors=True)
    tags = (f"--platform={AARCH64_TAG}", f"--python-version={version}", "--implementation=cp", "--only-binary=:all:")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-index", "--no-deps")
    row.judge("pip install", cross.attempt(*pip, *tags, f"--target={folder}", wheel), r"Successfully installed spprof-")
    variables = {
        "PYTHONHOME": str(home / "usr"),
        "PYTHONPATH": str(folder),
        "LD_LIBRARY_PATH": "/usr/lib/aarch64-linux-gnu:/lib/aarch64-linux-gnu",
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def run(*words: str | Path, preload: str = "") -> subprocess.CompletedProcess[str]:
        given = {**variables, **({"LD_PRELOAD": preload} if preload else {})}
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("LD_", "PYTHON"))}
        listed = ",".join(f"{name}={value}" for name, value in given.items())
        python = home / "usr" / "bin" / f"python{version}"
        command = (emulator, "-cpu", cross.CPUS["signing"], "-L", home, "-E", listed, python, *words)
        return cross.attempt(*command, environment=clean)

    which = run("-c", WHICH).stdout.split()
    row.glibc, row.python = which if len(which) == 2 else ("", "")
    imported = run("-c", f"import spprof; print(spprof.__version__); {LIBRARY}")
    library = row.judge("import", imported, r"^\d+\.\d+\.\d+$", r"libspprof_alloc\.so$").split()[-1]
    saved = folder / "self.pb.gz"
    ended = run(specimen("wheels/profiles_itself"), saved, preload=library)
    if start_is_described(home / "usr" / "bin" / f"python{version}"):
        row.judge("whole stacks", ended, r"^0\.00% of the stacks are truncated")
    else:
        row.judge("whole stacks", ended, r"^the shortest has \d\d native frames")
        row.steps["whole stacks"] = "up to _start"
    row.judge("table", run("-m", "spprof", "table", saved), r"\bhold\b")
    return row


# ---- The table


def main() -> None:
    wheels = sorted(
        WHEELS.glob("spprof-*-manylinux2014_*.whl"), key=lambda one: [*map(int, re.findall(r"\d+", one.name))]
    )
    if os.geteuid() != 0 or not wheels:
        sys.exit("check_wheels needs root, and the wheels of `make wheels` in build/wheels")
    print(f"mirror: the one of apt's configuration; {len(wheels)} wheels", flush=True)
    described = [inspect(wheel) for wheel in wheels]
    rows = [check_release(release) for release in sys.argv[1:] or RELEASES]
    for wheel in wheels:
        version = re.sub(r".*-cp3(\d+)-cp.*", r"3.\1", wheel.name)
        if wheel.name.endswith("_aarch64.whl"):
            rows.append(check_aarch64(wheel, version))
    rows_of_systems = [row.cells() for row in rows]
    judged = (
        f"{datetime.date.today().isoformat()}: {len(wheels)} wheels, {len(rows)} systems, {len(faults)} faults.\n\n"
        + "\n".join(markdown_tables.table(("wheel", "auditwheel", "newest", "needs", "size"), described))
        + "\n\n"
        + "\n".join(markdown_tables.table(("machine", "system", "glibc", "Python", *STEPS), rows_of_systems, keys=2))
        + "\n"
    )
    print(judged)
    if not sys.argv[1:]:
        TABLE.write_text(HEAD + judged, encoding="utf-8")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
