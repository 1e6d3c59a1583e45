"""Unpacks Debian (or Ubuntu) packages into a folder, without root and without changing the machine.

python3 tools/fetch_debian.py [--dependencies] [--suite=SUITE] DIRECTORY PACKAGE...

--dependencies: also unpack everything that the packages need and the machine has not installed. --suite: use another
Debian release, for which nothing counts as installed. PACKAGE may be for another architecture: libcmocka0:arm64. The
machine's own apt configuration says where packages come from. apt's state is kept in DIRECTORY, so that neither an
earlier `apt-get update` nor permission to run one is needed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

SOURCES, NOTHING_INSTALLED = "sources.list", "nothing-installed"  # files in apt's state, for another suite


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
        "Acquire::Retries": "5",
        "APT::Sandbox::User": "root",
    }
    if (state / SOURCES).exists():
        settings.update({"Dir::Etc::sourcelist": state / SOURCES, "Dir::Etc::sourceparts": "-"})
        settings["Dir::State::status"] = state / NOTHING_INSTALLED
    options = [f"-o{key}={value}" for key, value in settings.items()]
    options += [f"-oAPT::Architectures::={architecture}" for architecture in sorted(architectures)]
    return ["apt-get", "--quiet=2", *options, *arguments]


def debian_mirror() -> str:
    """Return the first Debian mirror in the machine's configuration."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    known = subprocess.run(asked, capture_output=True, encoding="utf-8", check=True).stdout.split()
    mirrors = [uri for uri in known if uri.rstrip("/").endswith("/debian")]
    if not mirrors:
        raise FileNotFoundError("apt knows no Debian mirror")
    return mirrors[0]


def use_suite(state: Path, suite: str) -> None:
    """Use another release from that mirror."""
    mirror = debian_mirror()
    state.mkdir(parents=True, exist_ok=True)
    (state / SOURCES).write_text(f"deb {mirror} {suite} main\n")
    (state / NOTHING_INSTALLED).touch()


def with_dependencies(state: Path, packages: list[str]) -> list[str]:
    """Return the packages that apt would install for these packages, including these."""
    command = apt_get(state, set(), ["--simulate", "--no-install-recommends", "install", *packages])
    command.remove("--quiet=2")
    plan = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=True).stdout
    return [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]


def fetch(directory: Path, packages: list[str], dependencies: bool, suite: str | None) -> None:
    state = directory / "apt"
    if suite:
        use_suite(state, suite)
    downloads = directory / "packages"
    downloads.mkdir(parents=True, exist_ok=True)
    foreign = {package.partition(":")[2] for package in packages if ":" in package}
    # apt-get update fails if one of several sources is unreachable. What matters is whether the packages are found.
    subprocess.run(apt_get(state, foreign, ["update"]), stdin=subprocess.DEVNULL)
    if dependencies:
        packages = with_dependencies(state, packages)
    subprocess.run(
        apt_get(state, foreign, ["download", *packages]), cwd=downloads, stdin=subprocess.DEVNULL, check=True
    )
    for package in sorted(downloads.glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", str(package), str(directory)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dependencies", action="store_true")
    parser.add_argument("--suite")
    parser.add_argument("directory", type=Path)
    parser.add_argument("packages", nargs="+")
    asked = parser.parse_args()
    try:
        fetch(asked.directory.resolve(), asked.packages, asked.dependencies, asked.suite)
    except (OSError, subprocess.CalledProcessError):
        names = " ".join(asked.packages)
        sys.exit(f"could not download {names}. On Debian and Ubuntu: apt-get install {names}")


if __name__ == "__main__":
    main()
