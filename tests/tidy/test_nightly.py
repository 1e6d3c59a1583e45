"""tools/nightly.py: which pieces are run again, and which rows its table keeps."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "tools"))  # after the standard library, because the folder has a venv.py
import nightly
import tree


def row(piece: str, sources: str = "now", failed: int = 0, seconds: int = 1) -> nightly.Row:
    return nightly.Row("2000-01-01", "0123456789", sources, piece, "3.11.7", 5, failed, 0, 2, seconds)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(nightly, "TABLE", tmp_path / "nightly" / "RESULTS.md")
    monkeypatch.setattr(nightly, "digest", lambda: "now")
    monkeypatch.setattr(nightly, "pieces", lambda: {name: [] for name in ("done", "failed", "old", "new")})
    nightly.write_table(
        {one.piece: one for one in (row("done"), row("failed", failed=1), row("old", sources="before"))}
    )
    return nightly.TABLE


def run_main(monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[list[str], int]:
    """Run main() and return the pieces that were run, together with the exit status."""
    ran: list[str] = []

    def run(piece: str, words: list[str]) -> nightly.Row:
        ran.append(piece)
        return row(piece, failed=int(piece == "failed"), seconds=2)

    monkeypatch.setattr(nightly, "run", run)
    monkeypatch.setattr(sys, "argv", ["nightly.py", *words])
    with pytest.raises(SystemExit) as ended:
        nightly.main()
    return ran, int(ended.value.code or 0)


def test_the_table_is_read_as_it_was_written(table: Path) -> None:
    before = table.read_text()
    nightly.write_table(nightly.read_table())
    assert table.read_text() == before
    assert nightly.read_table()["old"] == row("old", sources="before")


def test_what_is_good_for_these_sources_is_not_run_again(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_main(monkeypatch) == (["failed", "old", "new"], 1)
    assert {name: one.seconds for name, one in nightly.read_table().items()} == {
        "done": 1, "failed": 2, "old": 2, "new": 2,
    }  # fmt: skip
    assert run_main(monkeypatch) == (["failed"], 1)


def test_pieces_are_chosen_and_repeated_when_asked(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_main(monkeypatch, "done", "new") == (["new"], 0)
    assert run_main(monkeypatch, "--again", "done") == (["done"], 0)


def test_sources_are_those_on_the_disk_without_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "ROOT", tmp_path)
    tree.git("init", "--quiet")
    (tmp_path / "a.py").write_text("1")
    first = tree.digest()
    (tmp_path / "RESULTS.md").write_text("a table")
    assert tree.digest() == first
    (tmp_path / "a.py").write_text("2")
    assert tree.digest() != first


def test_the_digest_of_some_folders_does_not_change_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "ROOT", tmp_path)
    tree.git("init", "--quiet")
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("1")
    first, whole = tree.digest("one"), tree.digest()
    (tmp_path / "other" / "a.py").write_text("2")
    assert tree.digest("one") == first
    assert tree.digest() != whole
    (tmp_path / "one" / "a.py").write_text("2")
    assert tree.digest("one") != first


def test_cpythons_suite_is_run_by_the_newest_python_that_carries_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"3.12": "/twelve", "3.13": "/thirteen", "3.14": "/fourteen"}
    monkeypatch.setattr(nightly.find_pythons, "find", lambda: found)
    monkeypatch.setattr(nightly.find_pythons, "carries_suite", lambda path: path != "/fourteen")
    assert {"PYTHON=/thirteen", "VENV=build/venvs/3.13"} < set(nightly.pieces()["cpython-suite"])
    monkeypatch.setattr(nightly.find_pythons, "carries_suite", lambda path: False)
    assert "cpython-suite" not in nightly.pieces()


def test_a_python_carries_its_suite_if_the_modules_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "test" / "libregrtest"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert not nightly.find_pythons.carries_suite(sys.executable)
    for number in range(300):
        (package.parent / f"test_{number}.py").touch()
    assert nightly.find_pythons.carries_suite(sys.executable)
    assert not nightly.find_pythons.carries_suite(str(tmp_path / "no-python"))
