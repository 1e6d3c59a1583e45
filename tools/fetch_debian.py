"""Unpacks packages of Debian (or Ubuntu) into a folder, without root and without changing the machine.

python3 tools/fetch_debian.py [--dependencies] DIRECTORY PACKAGE...

--dependencies: also whatever the packages need that the machine has not installed. PACKAGE may be of another
architecture: libcmocka0:arm64. The machine's own apt configuration tells where packages come from; apt's state is kept
in DIRECTORY, so that neither a former `apt-get update` nor the right to do one is needed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def apt_get(state: Path, architectures: set[str], arguments: list[str]) -> list[str]:
    for folder in ("lists/partial", "archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    settings = {
        "Dir::State": state,
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": state,
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
        "Acquire::Retries": "2",
        "APT::Sandbox::User": "root",
    }
    options = [f"-o{key}={value}" for key, value in settings.items()]
    options += [f"-oAPT::Architectures::={architecture}" for architecture in sorted(architectures)]
    return ["apt-get", "--quiet=2", *options, *arguments]


def with_dependencies(state: Path, packages: list[str]) -> list[str]:
    """The packages that apt would install for these, themselves included."""
    command = apt_get(state, set(), ["--simulate", "--no-install-recommends", "install", *packages])
    command.remove("--quiet=2")
    plan = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=True).stdout
    return [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]


def fetch(directory: Path, packages: list[str], dependencies: bool) -> None:
    state = directory / "apt"
    downloads = directory / "packages"
    downloads.mkdir(parents=True, exist_ok=True)
    foreign = {package.partition(":")[2] for package in packages if ":" in package}
    # One unreachable source among several makes update fail; whether the packages are found is what counts.
    subprocess.run(apt_get(state, foreign, ["update"]), stdin=subprocess.DEVNULL)
    if dependencies:
        packages = with_dependencies(state, packages)
    subprocess.run(
        apt_get(state, foreign, ["download", *packages]), cwd=downloads, stdin=subprocess.DEVNULL, check=True
    )
    for package in sorted(downloads.glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", str(package), str(directory)], check=True)


def main() -> None:
    words = sys.argv[1:]
    dependencies = "--dependencies" in words
    directory, *packages = [word for word in words if word != "--dependencies"]
    try:
        fetch(Path(directory).resolve(), packages, dependencies)
    except (OSError, subprocess.CalledProcessError):
        names = " ".join(packages)
        sys.exit(f"{names}: not here, and could not be fetched. On Debian and Ubuntu: apt-get install {names}")


if __name__ == "__main__":
    main()
