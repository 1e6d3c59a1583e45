"""Check that a release is ready, build its site, its source distribution and a wheel, and print the next steps.

python3 tools/release.py VERSION                        make release VERSION=1.2.3

It uploads nothing and creates no tag. If the release is not ready, it lists what is wrong and exits with 1.
"""

from __future__ import annotations

import datetime
import email
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import nightly
import tree

ROOT = Path(__file__).resolve().parents[1]
FILES = Path("build") / "release"
"""The folder of the source distribution to upload."""
TRIED = FILES / "tried"
"""The folder of the wheel that is built from it here, for this machine only."""

VERSION = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")
MESON_VERSION = re.compile(r"^\s*version: '([^']+)'", re.MULTILINE)
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)


# ---- The sources


def meson_version(root: Path) -> str:
    """Return the version from the only file in which it is written by hand."""
    found = MESON_VERSION.search((root / "meson.build").read_text(encoding="utf-8"))
    if found is None:
        raise ValueError("meson.build contains no version")
    return found[1]


def citation_field(root: Path, name: str) -> str:
    """Return a one-line field of CITATION.cff, or ""."""
    found = re.search(rf"^{name}: (.+)$", (root / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1].strip("\"'") if found else ""


def changelog_sections(root: Path) -> list[tuple[str, str]]:
    """Return the headings and texts of the sections, newest first."""
    _, *parts = SECTION.split((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    return [(heading.strip(), text.strip()) for heading, text in zip(parts[::2], parts[1::2])]


def release_date(heading: str, version: str) -> str:
    """Return the date in a heading such as "1.2.3 - 2026-12-01", or "" if it has another version or no date."""
    named, _, date = heading.partition(" - ")
    try:
        datetime.date.fromisoformat(date)
    except ValueError:
        return ""
    return date if named == version and len(date) == len("2026-12-01") else ""


def faults_of_version(root: Path, version: str) -> list[str]:
    faults = []
    if VERSION.fullmatch(version) is None:
        faults.append(f"{version} is not a version such as 1.2.3 or 1.2.3rc1")
    if meson_version(root) != version:
        faults.append(f"meson.build has version {meson_version(root)}: change it to {version}")
    if citation_field(root, "version") != version:
        faults.append(f"CITATION.cff has version {citation_field(root, 'version')}: change it to {version}")
    return faults


def faults_of_changelog(root: Path, version: str) -> list[str]:
    """Check that the newest section is that of the release, with the same date as in CITATION.cff."""
    heading, text = (changelog_sections(root) or [("no section", "")])[0]
    date = release_date(heading, version)
    if not date:
        return [f'CHANGELOG.md begins with "{heading}": change that to "{version} - YYYY-MM-DD"']
    faults = [] if text else [f"CHANGELOG.md says nothing about {version}"]
    if citation_field(root, "date-released") != date:
        faults.append(f"CITATION.cff has another release date than CHANGELOG.md: add the line date-released: {date}")
    return faults


# ---- Git


def git(root: Path, *words: str) -> str:
    """Return git's output, or "" if git fails."""
    asked = subprocess.run(["git", *words], cwd=root, capture_output=True, encoding="utf-8", check=False)
    return asked.stdout.rstrip("\n")


def tag_of(version: str) -> str:
    return f"v{version}"


def tagged_commit(root: Path, version: str) -> str:
    return git(root, "rev-parse", "--verify", "--quiet", f"refs/tags/{tag_of(version)}^{{commit}}")


def faults_of_repository(root: Path, version: str) -> list[str]:
    head = git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    if not head:
        return ["there is no commit: a release is made from a git repository"]
    faults = []
    changed = git(root, "status", "--porcelain").splitlines()
    if changed:
        faults.append(f"the work tree has uncommitted changes: {', '.join(line[3:] for line in changed)}")
    tagged = tagged_commit(root, version)
    if tagged and tagged != head:
        faults.append(f"the tag {tag_of(version)} is at another commit, {tagged[:10]}: choose a new version")
    return faults


def faults_of_sources(root: Path, version: str) -> list[str]:
    return [
        *faults_of_version(root, version),
        *faults_of_changelog(root, version),
        *faults_of_repository(root, version),
    ]


# ---- The built files


def faults_of_documentation(root: Path) -> list[str]:
    """Return what keeps the site from being built without a warning or a dead link."""
    command = [sys.executable, str(root / "tools" / "documentation.py")]
    built = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False)
    return [f"the documentation does not build (make docs):\n{built.stdout.strip()}"] if built.returncode != 0 else []


def build(root: Path) -> None:
    """Build the source distribution, and from it the wheel. A file that is missing there is missing for users too."""
    shutil.rmtree(root / FILES, ignore_errors=True)
    (root / TRIED).mkdir(parents=True)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(root / TRIED)]
    subprocess.run(command, cwd=root, check=True)
    for sdist in (root / TRIED).glob("*.tar.gz"):
        sdist.replace(root / FILES / sdist.name)


def built_files(root: Path) -> list[Path]:
    return [*sorted((root / FILES).glob("*.tar.gz")), *sorted((root / TRIED).glob("*.whl"))]


def metadata(file: Path) -> str:
    """Return the core metadata of a wheel or a source distribution, or "" if it has none."""
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as wheel:
            names = [name for name in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
            return wheel.read(names[0]).decode() if names else ""
    with tarfile.open(file) as sdist:
        members = [member for member in sdist.getmembers() if re.fullmatch(r"[^/]+/PKG-INFO", member.name)]
        found = sdist.extractfile(members[0]) if members else None
        return found.read().decode() if found else ""


def faults_of_files(files: list[Path], version: str) -> list[str]:
    """Check that there is one file of each kind, with the version in its name and in its metadata."""
    faults = []
    for kind, suffix in (("source distribution", ".gz"), ("wheel", ".whl")):
        count = sum(file.suffix == suffix for file in files)
        if count != 1:
            faults.append(f"the build created {count} {kind}s, not 1")
    for file in files:
        inside = email.message_from_string(metadata(file)).get("Version")
        if inside != version:
            faults.append(f"{file.name} has version {inside} in its metadata")
        if not file.name.startswith((f"spprof-{version}-", f"spprof-{version}.tar.gz")):
            faults.append(f"{file.name} has another version in its name")
    return faults


def faults_of_readme(files: list[Path]) -> list[str]:
    """Check that the metadata is valid and that the package index can show README.md."""
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, files)]
    checked = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False)
    return [f"twine check does not accept the files:\n{checked.stdout.strip()}"] if checked.returncode != 0 else []


# ---- The next steps


def unfinished_nightly() -> list[str]:
    """Return the pieces of `make nightly` that do not have a good result for these sources."""
    rows, sources = nightly.read_table(), tree.digest()
    return [piece for piece in nightly.pieces() if not nightly.is_done(rows.get(piece), sources)]


def next_steps(root: Path, version: str, unfinished: list[str]) -> str:
    tag = tag_of(version)
    sdists = ", ".join(sorted(file.name for file in (root / FILES).glob("*.tar.gz")))
    steps = []
    if unfinished:
        steps.append(f"Run `make nightly`. These have not passed with these sources: {', '.join(unfinished)}.")
    if not tagged_commit(root, version):
        steps.append(f'git tag --annotate {tag} --message "spprof {version}"')
    steps += [
        f"git push --atomic origin HEAD {tag}; the workflow `wheels` then builds the wheels of that tag.",
        f"Download its wheels into {FILES}, next to {sdists}.",
        f"The wheel in {TRIED} is only for this machine: do not upload it.",
        f"python -m twine check --strict {FILES}/*.whl {FILES}/*.tar.gz",
        f"python -m twine upload {FILES}/*.whl {FILES}/*.tar.gz",
    ]
    numbered = [f"{number}. {step}" for number, step in enumerate(steps, start=1)]
    return "\n".join([f"spprof {version} is ready. Nothing was uploaded. The next steps:", *numbered])


def exit_with(faults: list[str], version: str) -> None:
    if faults:
        sys.exit("\n".join([f"spprof {version} is not ready:", *(f"- {fault}" for fault in faults)]))


def main(root: Path = ROOT) -> None:
    if len(sys.argv) != 2:
        sys.exit("Name the version: make release VERSION=1.2.3")
    version = sys.argv[1]
    exit_with(faults_of_sources(root, version) or faults_of_documentation(root), version)
    try:
        build(root)
    except subprocess.CalledProcessError as error:
        exit_with([f"the build failed with exit status {error.returncode}"], version)
    files = built_files(root)
    exit_with(faults_of_files(files, version) or faults_of_readme(files), version)
    print(next_steps(root, version, unfinished_nightly()))


if __name__ == "__main__":
    main()
