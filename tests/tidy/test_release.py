"""tools/release.py: what prevents a release. The tool stops before anything is uploaded."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "tools"))  # after the standard library, because the folder has a venv.py
import release

VERSION = "1.2.3"
SOURCES = {
    "meson.build": "project(\n  'spprof',\n  'c',\n  version: '1.2.3',\n)\n",
    "CITATION.cff": "cff-version: 1.2.0\nversion: 1.2.3\ndate-released: 2026-12-01\n",
    "CHANGELOG.md": "# Changelog\n\n## 1.2.3 - 2026-12-01\n\n- A change.\n\n## 1.2.2 - 2026-11-01\n\n- An older one.\n",
    ".gitignore": "build/\n",
}


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A repository that is ready for a release."""
    for name, text in SOURCES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message=ready")
    return tmp_path


def change(folder: Path, name: str, old: str, new: str) -> None:
    """Replace text in a file and commit the change."""
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    git(folder, "commit", "--quiet", "--all", "--message=change")


def write_sdist(folder: Path, named: str, inside: str) -> None:
    with tarfile.open(folder / f"spprof-{named}.tar.gz", "w:gz") as archive:
        text = f"Metadata-Version: 2.4\nName: spprof\nVersion: {inside}\n".encode()
        member = tarfile.TarInfo(f"spprof-{named}/PKG-INFO")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))


def write_wheel(folder: Path, named: str, inside: str) -> None:
    with zipfile.ZipFile(folder / f"spprof-{named}-cp313-cp313-linux_x86_64.whl", "w") as archive:
        archive.writestr(f"spprof-{named}.dist-info/METADATA", f"Name: spprof\nVersion: {inside}\n")


def fake_build(root: Path) -> None:
    (root / release.TRIED).mkdir(parents=True)
    write_sdist(root / release.FILES, VERSION, VERSION)
    write_wheel(root / release.TRIED, VERSION, VERSION)


def run_main(monkeypatch: pytest.MonkeyPatch, root: Path) -> str | int | None:
    """Run main() and return how it ends: None, or the value that it passes to sys.exit()."""
    monkeypatch.setattr(sys, "argv", ["release.py", VERSION])
    monkeypatch.setattr(release, "faults_of_documentation", lambda _root: [])
    try:
        release.main(root)
    except SystemExit as ended:
        return ended.code
    return None


# ---- The sources


def test_a_ready_repository_has_no_faults(ready: Path) -> None:
    assert release.faults_of_sources(ready, VERSION) == []
    git(ready, "tag", "--annotate", "v1.2.3", "--message=ready")
    assert release.faults_of_sources(ready, VERSION) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        ("meson.build", "1.2.3", "1.2.2", "meson.build has version 1.2.2: change it to 1.2.3"),
        ("CITATION.cff", "version: 1.2.3", "version: 1.2.2", "CITATION.cff has version 1.2.2: change it to 1.2.3"),
        ("CITATION.cff", "date-released: 2026-12-01\n", "", "add the line date-released: 2026-12-01"),
        ("CITATION.cff", "2026-12-01", "2026-11-30", "CITATION.cff has another release date than CHANGELOG.md"),
        ("CHANGELOG.md", "1.2.3 - 2026-12-01", "Unreleased", 'CHANGELOG.md begins with "Unreleased"'),
        ("CHANGELOG.md", "1.2.3 - 2026-12-01", "1.2.3", 'CHANGELOG.md begins with "1.2.3"'),
        ("CHANGELOG.md", "1.2.3 - 2026-12-01", "1.2.3 - 2026-13-01", 'CHANGELOG.md begins with "1.2.3 - 2026-13-01"'),
        ("CHANGELOG.md", "## 1.2.3 - 2026-12-01\n\n- A change.\n", "", 'CHANGELOG.md begins with "1.2.2 - 2026-11-01"'),
        ("CHANGELOG.md", "- A change.", "", "CHANGELOG.md says nothing about 1.2.3"),
    ],
)
def test_a_source_that_disagrees_keeps_a_release_back(ready: Path, name: str, old: str, new: str, fault: str) -> None:
    change(ready, name, old, new)
    faults = release.faults_of_sources(ready, VERSION)
    assert len(faults) == 1
    assert fault in faults[0]


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "1.2.3-1", "1.2.3 "])
def test_what_is_no_version_is_not_released(ready: Path, version: str) -> None:
    assert f"{version} is not a version such as 1.2.3 or 1.2.3rc1" in release.faults_of_version(ready, version)


@pytest.mark.parametrize("name", ["meson.build", "new.py"])
def test_changes_that_are_not_committed_keep_a_release_back(ready: Path, name: str) -> None:
    with (ready / name).open("a", encoding="utf-8") as file:
        file.write("# more\n")
    (fault,) = release.faults_of_sources(ready, VERSION)
    assert fault.endswith(f"uncommitted changes: {name}")


def test_a_tag_of_another_commit_keeps_a_release_back(ready: Path) -> None:
    git(ready, "tag", "--annotate", "v1.2.3", "--message=first try")
    change(ready, "CHANGELOG.md", "A change", "A change and another")
    (fault,) = release.faults_of_sources(ready, VERSION)
    assert fault.startswith("the tag v1.2.3 is at another commit")


def test_a_folder_without_commits_is_not_released(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert release.faults_of_repository(tmp_path, VERSION) != []


# ---- The files


@pytest.mark.parametrize(
    ("sdist", "wheel", "faults"),
    [
        ((VERSION, VERSION), (VERSION, VERSION), []),
        ((VERSION, "1.2.2"), (VERSION, VERSION), ["spprof-1.2.3.tar.gz has version 1.2.2 in its metadata"]),
        (
            (VERSION, VERSION),
            (VERSION, "1.2.2"),
            ["spprof-1.2.3-cp313-cp313-linux_x86_64.whl has version 1.2.2 in its metadata"],
        ),
        (
            (VERSION, VERSION),
            ("1.2.30", VERSION),
            ["spprof-1.2.30-cp313-cp313-linux_x86_64.whl has another version in its name"],
        ),
        (None, (VERSION, VERSION), ["the build created 0 source distributions, not 1"]),
        ((VERSION, VERSION), None, ["the build created 0 wheels, not 1"]),
    ],
)
def test_built_files_have_the_version_of_the_release(
    tmp_path: Path, sdist: tuple[str, str] | None, wheel: tuple[str, str] | None, faults: list[str]
) -> None:
    (tmp_path / release.TRIED).mkdir(parents=True)
    if sdist:
        write_sdist(tmp_path / release.FILES, *sdist)
    if wheel:
        write_wheel(tmp_path / release.TRIED, *wheel)
    assert release.faults_of_files(release.built_files(tmp_path), VERSION) == faults


# ---- The whole tool


def test_a_release_that_is_not_ready_is_not_built(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(ready, "meson.build", "1.2.3", "1.2.2")
    monkeypatch.setattr(release, "build", lambda _root: pytest.fail("it was built"))
    ended = run_main(monkeypatch, ready)
    assert ended == "spprof 1.2.3 is not ready:\n- meson.build has version 1.2.2: change it to 1.2.3"


@pytest.mark.parametrize(("program", "faults"), [("", 0), ("import sys; sys.exit('a dead link')", 1)])
def test_a_site_that_does_not_build_keeps_a_release_back(ready: Path, program: str, faults: int) -> None:
    (ready / "tools").mkdir()
    (ready / "tools" / "documentation.py").write_text(program, encoding="utf-8")
    found = release.faults_of_documentation(ready)
    assert len(found) == faults
    assert all("a dead link" in fault for fault in found)


def test_files_that_the_index_does_not_accept_end_a_release(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "build", fake_build)
    monkeypatch.setattr(release, "faults_of_readme", lambda _files: ["twine check does not accept the files"])
    assert run_main(monkeypatch, ready) == "spprof 1.2.3 is not ready:\n- twine check does not accept the files"


def test_a_release_stops_before_tagging_and_uploading(
    ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []
    run = subprocess.run

    def watched(command: list[str], **options: object) -> object:
        ran.append(" ".join(command[:2]))
        return run(command, **options)

    monkeypatch.setattr(release, "build", fake_build)
    monkeypatch.setattr(release, "faults_of_readme", lambda _files: [])
    monkeypatch.setattr(release, "unfinished_nightly", lambda: ["valgrind"])
    monkeypatch.setattr(subprocess, "run", watched)
    assert run_main(monkeypatch, ready) is None
    assert set(ran) == {"git rev-parse", "git status"}
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "spprof 1.2.3 is ready. Nothing was uploaded. The next steps:"
    assert told[1].endswith("These have not passed with these sources: valgrind.")
    assert told[2] == '2. git tag --annotate v1.2.3 --message "spprof 1.2.3"'
    assert "next to spprof-1.2.3.tar.gz" in told[4]


def test_the_sources_are_read_as_they_are() -> None:
    """The tool's regular expressions match the files of this repository."""
    assert release.VERSION.fullmatch(release.meson_version(ROOT))
    assert release.changelog_sections(ROOT)
