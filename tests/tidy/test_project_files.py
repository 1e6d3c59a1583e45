"""The files that describe the project to tools and visitors agree with the sources."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from conftest import ROOT, sources

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

sys.path.append(str(ROOT / "tools"))  # after the standard library, because the folder has a venv.py
import find_pythons
import release

WORKFLOWS = sources(".github/workflows", pattern="*.yml")
FORMS = sources(".github/ISSUE_TEMPLATE", pattern="*.yml")
PAGES = [
    *sorted(file.relative_to(ROOT) for file in ROOT.glob("*.md")),
    *sources("docs", pattern="*.md"),
    *sources(".github", pattern="*.md"),
]
LINK = re.compile(r"\]\((?!https?://)([^)\s]+)\)")
CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FILE = re.compile(r"(?<![\w/.<*-])[\w.-]+(?:/[\w.-]+)*\.(?:md|cff|toml|txt)\b")
TARGET = re.compile(r"(?:[A-Z]+=\S+ )?make ([a-z][\w.-]*)")
CODE = re.compile(r"`([^`\n]+)`")


def text_of(file: Path | str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pyproject() -> dict:
    return tomllib.loads(text_of("pyproject.toml"))


# ---- Versions


def test_the_citation_has_the_version_of_the_build() -> None:
    assert release.citation_field(ROOT, "version") == release.meson_version(ROOT)


def test_the_citation_has_the_date_of_the_release_that_it_names() -> None:
    version = release.meson_version(ROOT)
    dates = [release.release_date(heading, version) for heading, _ in release.changelog_sections(ROOT)]
    assert release.citation_field(ROOT, "date-released") == max(dates)


def test_the_changelog_has_dated_sections_the_newest_first() -> None:
    headings = [heading for heading, _ in release.changelog_sections(ROOT)]
    released = headings[1:] if headings[0] == "Unreleased" else headings
    dates = [release.release_date(heading, heading.partition(" - ")[0]) for heading in released]
    assert [heading for heading, date in zip(released, dates) if not date] == []
    assert dates == sorted(dates, reverse=True)
    versions = [[int(number) for number in re.findall(r"\d+", heading.partition(" - ")[0])] for heading in released]
    assert versions == sorted(versions, reverse=True)


def test_workflows_test_and_build_for_the_supported_pythons(pyproject: dict) -> None:
    (tested,) = re.findall(r"^ +python-version: \[(.+)\]$", text_of(".github/workflows/tests.yml"), re.MULTILINE)
    assert tuple(tested.replace('"', "").split(", ")) == find_pythons.VERSIONS
    built = [f"cp{version.replace('.', '')}-manylinux_*" for version in find_pythons.VERSIONS]
    assert pyproject["tool"]["cibuildwheel"]["build"] == built


# ---- Requirements


def requirements(file: Path) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in text_of(file).splitlines())
    return [line for line in lines if line]


def test_dependency_groups_are_the_files_of_requirements(pyproject: dict) -> None:
    files = sources("tools", pattern="requirements-*.txt")
    listed = {file.stem.partition("-")[2]: requirements(file) for file in files}
    groups = dict(pyproject["dependency-groups"])
    included = groups.pop("dev")
    assert groups == listed
    assert {each["include-group"] for each in included} <= set(listed)


def test_the_build_requires_what_the_developers_install(pyproject: dict) -> None:
    installed = {line.partition(",")[0] for line in requirements(Path("tools/requirements-build.txt"))}
    assert set(pyproject["build-system"]["requires"]) <= installed


# ---- Workflows


def test_actions_are_pinned_to_one_major_version() -> None:
    used = {line for file in WORKFLOWS for line in re.findall(r"uses: (\S+)", text_of(file))}
    assert used
    assert sorted(action for action in used if not re.fullmatch(r"actions/[\w-]+@v\d+", action)) == []
    assert len({action.partition("@")[0] for action in used}) == len(used)


@pytest.mark.parametrize("file", WORKFLOWS, ids=str)
def test_a_workflow_may_only_read_and_runs_what_make_runs(file: Path) -> None:
    text = text_of(file)
    assert re.findall(r"^ *permissions:\n((?: +\S.*\n)+)", text, re.MULTILINE) == ["  contents: read\n"]
    assert "secrets." not in text
    assert "pull_request_target" not in text
    commands = re.findall(r"run: *(.*)", text)
    assert commands
    assert [command for command in commands if not command.startswith("make ")] == []


def targets() -> set[str]:
    return set(re.findall(r"^([\w.-]+):(?!=)", text_of("Makefile"), re.MULTILINE))


def test_make_has_every_target_that_is_named() -> None:
    commands = {file: CODE.findall(text_of(file)) for file in PAGES}
    commands.update({file: re.findall(r"run: (.*)", text_of(file)) for file in WORKFLOWS})
    found = [(str(file), TARGET.match(command)) for file, listed in commands.items() for command in listed]
    named = {(file, match[1]) for file, match in found if match}
    assert {target for _, target in named} >= {"docker-wheels", "lint", "release", "test", "wheels"}
    assert sorted((file, target) for file, target in named if target not in targets()) == []


# ---- Named files


def anchors(file: Path) -> set[str]:
    """Return the anchors that the forge generates from headings."""
    headings = HEADING.findall(CODE_BLOCK.sub("", text_of(file)))
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("file", PAGES, ids=str)
def test_links_lead_to_files_and_headings(file: Path) -> None:
    dead = []
    for link in LINK.findall(CODE_BLOCK.sub("", text_of(file))):
        name, _, anchor = link.partition("#")
        target = (ROOT / file).parent / name if name else ROOT / file
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("name", ["CITATION.cff", "CODE_OF_CONDUCT.md", "SECURITY.md", *FORMS, *WORKFLOWS], ids=str)
def test_files_that_are_named_exist(name: Path | str) -> None:
    assert [file for file in FILE.findall(text_of(name)) if not (ROOT / file).exists()] == []


def test_a_visitor_finds_the_files_that_forges_show() -> None:
    expected = ["LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "SECURITY.md"]
    expected += ["CITATION.cff", ".github/PULL_REQUEST_TEMPLATE.md"]
    assert [name for name in expected if not (ROOT / name).is_file()] == []
    assert {file.stem for file in FORMS} == {"bug", "feature", "harm", "wrong_number"}


# ---- Forms: `make lint` checks them against their schema, which does not cover the following


@pytest.mark.parametrize("file", FORMS, ids=lambda file: file.stem)
def test_a_form_has_no_field_twice_and_asks_for_something(file: Path) -> None:
    """The forge does not show a form that has two fields with the same name."""
    text = text_of(file)
    for name in ("id", "label"):
        found = re.findall(rf"^ +{name}: (.+)$", text, re.MULTILINE)
        assert found
        assert len(set(found)) == len(found)
    assert "required: true" in text
