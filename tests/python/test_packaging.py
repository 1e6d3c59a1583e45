"""The contents of the distributions, and the effects of an import.

Tests marked `packaging` build distributions from a copy of the tree, with uncommitted changes, and install them into
separate environments. The others check the installed package and run on every Python.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tarfile
import zipapp
import zipfile
from pathlib import Path

import pytest
import spprof
from child import Child, library_path
from specimens import specimen

ROOT = Path(__file__).parents[2]
VERSION_LINE = re.compile(r"^\s*version: '([^']+)'", re.MULTILINE)
NOT_SOURCES = (".git", ".venv", "build", "__pycache__", "*.so", "PKG-INFO", ".*_cache")


def output_of(*command: str | Path, cwd: Path = ROOT) -> str:
    """Return a command's output on both channels. Raise AssertionError with the output if the command fails."""
    finished = attempt(*command, cwd=cwd)
    assert finished.returncode == 0, f"{' '.join(map(str, command))}\n{finished.stdout}"
    return finished.stdout


def attempt(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "MAKEFLAGS")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )


def files_below(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_dir()}


def new_environment(folder: Path, python: str | Path = sys.executable) -> Path:
    """Create a virtual environment that contains only pip, and return its interpreter."""
    output_of(python, "-m", "venv", folder)
    return folder / "bin" / "python"


def site_packages(python: Path) -> Path:
    return Path(output_of(python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))").strip())


@pytest.fixture(scope="module")
def version() -> str:
    found = VERSION_LINE.search((ROOT / "meson.build").read_text())
    assert found
    return found[1]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The current tree, committed to a separate repository, because a source distribution is made from a commit."""
    if shutil.which("git") is None:
        pytest.skip("git is missing, which a source distribution needs")
    folder = tmp_path_factory.mktemp("source") / "spprof"
    if (ROOT / ".git").exists():
        listed = output_of("git", "ls-files", "--cached", "--others", "--exclude-standard")
        for name in filter(lambda name: (ROOT / name).exists(), listed.splitlines()):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    else:
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_SOURCES))
    output_of("git", "init", "--quiet", cwd=folder)
    output_of("git", "add", "--all", cwd=folder)
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")
    output_of("git", *identity, "commit", "--quiet", "--message=test", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def sdist(source: Path, version: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    output_of(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", folder, cwd=source)
    return folder / f"spprof-{version}.tar.gz"


@pytest.fixture(scope="module")
def unpacked(sdist: Path, version: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder)
    return folder / f"spprof-{version}"


@pytest.fixture(scope="module")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    output_of(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ".", cwd=unpacked
    )
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel_files(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.packaging
def test_the_source_distribution_holds_every_file(source: Path, unpacked: Path) -> None:
    tracked = set(output_of("git", "ls-files", cwd=source).splitlines())
    assert files_below(unpacked) == tracked | {"PKG-INFO"}


@pytest.mark.packaging
def test_the_wheel_holds_the_listed_files(wheel: Path, version: str) -> None:
    listed = (ROOT / "tests/packaging_files.txt").read_text()
    listed = listed.format(version=version, suffix=sysconfig.get_config_var("EXT_SUFFIX"))
    with zipfile.ZipFile(wheel) as archive:
        assert sorted(archive.namelist()) == sorted(listed.split())


@pytest.mark.packaging
def test_the_wheel_is_for_one_python_version(wheel: Path, version: str) -> None:
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    assert wheel.name.startswith(f"spprof-{version}-{tag}-{tag}-linux_")


@pytest.mark.packaging
def test_auditwheel_names_a_glibc_that_suffices(wheel: Path, wheel_files: Path) -> None:
    shown = output_of(sys.executable, "-m", "auditwheel", "show", wheel)
    platforms = [int(minor) for minor in re.findall(r"manylinux_2_(\d+)_", shown)]
    assert platforms, shown
    libraries = list(wheel_files.rglob("*.so"))
    assert len(libraries) == 2
    for library in libraries:
        needed = re.findall(r"GLIBC_2\.(\d+)", output_of("readelf", "--version-info", "--wide", library))
        assert max(map(int, needed)) <= min(platforms), library.name


@pytest.mark.packaging
def test_a_thread_costs_64_bytes_of_static_tls(wheel_files: Path) -> None:
    headers = output_of("readelf", "--program-headers", "--wide", wheel_files / "spprof/libspprof_alloc.so")
    segment = re.search(r"^\s*TLS\s+(?:0x\w+\s+){4}(0x\w+)", headers, re.MULTILINE)
    assert segment, headers
    assert int(segment[1], 16) == 64


@pytest.mark.packaging
@pytest.mark.nightly
@pytest.mark.parametrize("age", ["oldest", "newest"])
def test_an_isolated_build_installs_and_uninstalls_without_trace(sdist: Path, tmp_path: Path, age: str) -> None:
    found = output_of(sys.executable, ROOT / "tools/find_pythons.py").splitlines()
    _, interpreter = found[0 if age == "oldest" else -1].split(maxsplit=1)
    python = new_environment(tmp_path / "environment", interpreter)
    packages = site_packages(python)
    before = files_below(packages)
    # The folder into which pip unpacks has neither the machine's build tools nor git.
    output_of(python, "-m", "pip", "install", "--no-cache-dir", sdist, cwd=tmp_path)
    program = "import spprof.memprof as m; m.start(0); kept = bytes(10**6); print(m.get_snapshot().live_samples)"
    assert int(output_of(python, "-B", "-c", program, cwd=tmp_path)) > 0
    output_of(python, "-m", "pip", "uninstall", "--yes", "spprof", cwd=tmp_path)
    assert files_below(packages) - before == set()


@pytest.mark.packaging
def test_a_folder_of_wheels_is_enough(wheel: Path, version: str, tmp_path: Path) -> None:
    python = new_environment(tmp_path / "environment")
    output_of(python, "-m", "pip", "install", "--no-index", "--find-links", wheel.parent, "spprof", cwd=tmp_path)
    assert output_of(python, "-c", "import spprof; print(spprof.__version__)", cwd=tmp_path).strip() == version


@pytest.mark.packaging
@pytest.mark.nightly
def test_an_editable_install_follows_the_sources(source: Path, tmp_path: Path) -> None:
    """The test runs the commands of CONTRIBUTING.md."""
    contributing = " ".join((ROOT / "CONTRIBUTING.md").read_text().split())
    assert "make venv . .venv/bin/activate pip install --no-build-isolation --no-deps --editable ." in contributing
    checkout = tmp_path / "spprof"
    shutil.copytree(source, checkout)
    output_of("make", "venv", f"PYTHON={sys.executable}", cwd=checkout)
    activated = ". .venv/bin/activate && "
    output_of("sh", "-c", activated + "pip install --no-build-isolation --no-deps --editable .", cwd=checkout)

    where = "import spprof, spprof._engine as m; print(spprof.__file__); print(m.library_path())"
    package, library = output_of("sh", "-c", activated + f"python -c '{where}'", cwd=checkout).split()
    assert Path(package) == checkout / "python/spprof/__init__.py"
    assert Path(library).is_relative_to(checkout)
    built_at = Path(library).stat().st_mtime_ns
    with (checkout / "src/core/lifecycle.c").open("a") as file:
        file.write('\n_Static_assert(1, "rebuilt");\n')
    output_of("sh", "-c", activated + "python -c 'import spprof'", cwd=checkout)
    assert Path(library).stat().st_mtime_ns > built_at


UNSUPPORTED = """
[binaries]
c = 'cc'
[host_machine]
system = '{system}'
cpu_family = '{cpu_family}'
cpu = '{cpu_family}'
endian = 'little'
"""


@pytest.mark.packaging
@pytest.mark.parametrize(("system", "cpu_family"), [("freebsd", "aarch64"), ("windows", "x86_64"), ("linux", "x86")])
def test_an_unsupported_platform_is_told_what_is_supported(tmp_path: Path, system: str, cpu_family: str) -> None:
    machine = tmp_path / "machine.ini"
    machine.write_text(UNSUPPORTED.format(system=system, cpu_family=cpu_family))
    setup = attempt("meson", "setup", "--cross-file", machine, tmp_path / "build", cwd=ROOT)
    assert setup.returncode != 0
    supported = "spprof runs on 64-bit Linux with glibc (x86-64 or aarch64) under CPython 3.9 or newer; this is "
    assert supported in setup.stdout


MAPPED = """
import spprof._engine as m
lines = open("/proc/self/maps").read().splitlines()
print(m.library_path())
print(*{line.split(maxsplit=5)[5] for line in lines if "libspprof_alloc" in line}, sep="\\n")
"""


@pytest.mark.parametrize("preload", [False, True], ids=["imported", "preloaded"])
def test_one_copy_of_the_engine_is_mapped(child: Child, preload: bool) -> None:
    assert child.run(MAPPED, preload=preload).splitlines() == [library_path()] * 2


def test_a_preloaded_copy_from_elsewhere_is_the_one_used(child: Child, tmp_path: Path) -> None:
    copy = shutil.copy2(library_path(), tmp_path / "libspprof_alloc.so")
    assert child.run(MAPPED, environment={"LD_PRELOAD": str(copy)}).splitlines() == [str(copy)] * 2


def test_the_engine_lies_beside_the_package(child: Child) -> None:
    package = Path(child.run("import spprof; print(spprof.__file__)").strip()).parent
    assert Path(library_path()) == package / "libspprof_alloc.so"


def test_an_import_starts_nothing(child: Child) -> None:
    """An import starts no thread and installs no allocator hook, signal handler or tracing."""
    child.run(specimen("packaging/an_import_starts_nothing"))


def test_an_import_is_cheap(child: Child, tmp_path: Path) -> None:
    """The time is printed next to that of an empty package in the same runs, but not judged, because it depends on the
    machine. The test judges what makes an import slow: other modules, above all those that read files or compile
    classes. The import loads everything that later calls need, so it costs about 25 ms if nothing else has imported the
    same modules.
    """
    imported = child.run(
        """
        import sys
        before = set(sys.modules)
        import spprof.memprof
        print(*sorted(set(sys.modules) - before))
        """
    ).split()
    foreign = [name for name in imported if not name.startswith("spprof")]
    heavy = {
        "asyncio",
        "ctypes",
        "dataclasses",
        "gzip",
        "hashlib",
        "inspect",
        "logging",
        "numpy",
        "subprocess",
        "typing",
    }
    assert heavy.isdisjoint(foreign)
    assert len(foreign) <= 45, foreign

    empty = tmp_path / "empty_package"
    empty.mkdir()
    (empty / "__init__.py").touch()
    timed = """
        import time
        started = time.perf_counter_ns()
        import {module}
        print(time.perf_counter_ns() - started)
        """
    pairs = [
        [int(child.run(timed.format(module=name))) for name in ("spprof.memprof", "empty_package")] for _ in range(9)
    ]
    extra = statistics.median(ours - nothing for ours, nothing in pairs)
    print(f"import spprof.memprof takes {extra / 1e6:.1f} ms more than an empty package; modules: {' '.join(imported)}")


@pytest.mark.parametrize("where", ["archive", "other python"])
def test_a_package_without_its_extension_says_what_helps(tmp_path: Path, where: str) -> None:
    packed = tmp_path / "packed"
    shutil.copytree(Path(spprof.__file__).parent, packed / "spprof", ignore=shutil.ignore_patterns("__pycache__"))
    program = packed
    if where == "archive":
        (packed / "__main__.py").write_text("import spprof")
        program = tmp_path / "program.pyz"
        zipapp.create_archive(packed, program)
    else:
        (packed / "__main__.py").write_text("import spprof")
        for extension in (packed / "spprof").glob("_engine*.so"):
            extension.rename(extension.with_name("_engine.cpython-30-x86_64-linux-gnu.so"))
    finished = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    remedy = "cannot import it from an archive" if where == "archive" else "was built for another Python"
    assert remedy in finished.stderr.splitlines()[-1]


FROZEN_WRITES = {"heap.pb.gz", "heap.json", "heap.txt", "heap.html", "cpu.pb.gz", "cpu.html"}


@pytest.mark.packaging
@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["--onedir", "--onefile"])
def test_a_program_frozen_by_pyinstaller_profiles_itself(wheel: Path, tmp_path: Path, kind: str) -> None:
    """PyInstaller finds the package's hooks through their entry point."""
    python = new_environment(tmp_path / "environment")
    output_of(python, "-m", "pip", "install", "--quiet", "pyinstaller", wheel, cwd=tmp_path)
    shutil.copy(specimen("packaging/frozen"), tmp_path)
    output_of(python, "-m", "PyInstaller", "--log-level", "ERROR", "-y", kind, "frozen.py", cwd=tmp_path)
    program = tmp_path / ("dist/frozen/frozen" if kind == "--onedir" else "dist/frozen")
    for mode, environment in (("patch", {}), ("preload", {"LD_PRELOAD": library_path()})):
        folder = tmp_path / mode
        folder.mkdir()
        told = subprocess.run(
            [program], cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=True
        ).stdout
        assert told == f"{mode} True True\nTrue frozen.py\n"
        assert files_below(folder) == FROZEN_WRITES
    shown = output_of(program, "cli", "table", tmp_path / "patch/heap.pb.gz")
    assert "frozen.py" in shown
    refused = subprocess.run([program, "cli", "run", "x.py"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "this program is frozen" in refused.stderr


def test_a_page_without_its_files_is_an_error_and_harms_nothing_else(child: Child, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    shutil.copytree(Path(spprof.__file__).parent, packages / "spprof", ignore=shutil.ignore_patterns("assets"))
    told = child.run(
        """
        import os
        from spprof import memprof
        memprof.start(0, native="off")
        snapshot = memprof.get_snapshot()
        snapshot.save("x.pb.gz")
        try:
            snapshot.save("x.html")
        except OSError as error:
            print(error.strerror, os.path.exists("x.html"))
        """,
        environment={"PYTHONPATH": str(packages)},
    )
    assert "PyInstaller: --collect-data spprof" in told
    assert told.endswith(" False\n")
