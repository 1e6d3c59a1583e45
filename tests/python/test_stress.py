"""Runs each stress specimen for a few rounds. `make stress` runs them for longer, with tests/stress/run.py."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.long

HERE = Path(__file__).parent
ROUNDS = {"churn": 2, "embedding": 1, "saving": 1, "servers": 4}
"""The other specimens run three rounds, one for each rate. The servers run one round for each way to start them."""


def load_runner() -> ModuleType:
    path = HERE.parent / "stress" / "run.py"
    sys.path.append(str(path.parent))  # for the modules next to run.py
    specification = importlib.util.spec_from_file_location("stress_run", path)
    assert specification
    assert specification.loader
    module = sys.modules["stress_run"] = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


runner = load_runner()
OF_SERVERS = [pytest.mark.packaging, pytest.mark.nightly]
SHORT = [
    pytest.param(name, mode, marks=OF_SERVERS if name == "servers" else ())
    for name in runner.specimens()
    for mode in runner.modes_of(name)
]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all specimens' C programs. Each specimen compiles what is missing there."""
    compiler = shlex.split(os.environ.get("CC", "cc"))[0]
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no C compiler {compiler!r}; set CC")
    folder = tmp_path_factory.getbasetemp().parent / f"stress-build-{os.getppid()}"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize(("name", "mode"), SHORT)
def test_specimen(build: Path, name: str, mode: str) -> None:
    outcome = runner.run(name, mode, {"STRESS_ROUNDS": str(ROUNDS.get(name, 3))}, build)
    assert outcome.good, outcome.said
    if outcome.figures.get("left_out"):
        pytest.skip(str(outcome.figures["left_out"]))
    assert outcome.rounds == ROUNDS.get(name, 3)


# ---- The runner itself


PREAMBLE = "from rounds import check, finish, rounds\n"
SPECIMENS = {
    "good": ("for number in rounds():\n    pass\nfinish(answer=42)", ""),
    "a crash": ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "crashes"),
    "a hang": ("import threading\nthreading.Event().wait()", "hangs"),
    "a wrong result": ("check(1 + 1 == 3, 'a sum')", "wrong"),
    "a message": ("import sys\nprint('surprise', file=sys.stderr)\nfinish()", "wrong"),
    "a status": ("finish()\nraise SystemExit(3)", "wrong"),
    "no end": ("pass", "wrong"),
    "a process left behind": (
        "import subprocess\nsubprocess.Popen(['sleep', '1000'], stdout=-3, stderr=-3)\nfinish()",
        "wrong",
    ),
}


@pytest.mark.parametrize(("text", "counted_as"), SPECIMENS.values(), ids=SPECIMENS)
def test_the_runner_sees(build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, counted_as: str):
    (tmp_path / "specimens").mkdir()
    (tmp_path / "specimens" / "of_test.py").write_text(PREAMBLE + text)
    for module in (runner.HERE / "rounds.py", runner.HERE.parent / "helpers" / "asked_for.py"):
        (tmp_path / module.name).write_bytes(module.read_bytes())
    monkeypatch.setattr(runner, "HERE", tmp_path)
    # Part of the limit is Python's start-up time. Only specimens that must hang get a short limit.
    monkeypatch.setattr(runner, "ROUND_LIMIT_SECONDS", 3 if counted_as == "hangs" else 300)
    monkeypatch.setattr(runner, "LEFT_BEHIND_SECONDS", 0.5)
    outcome = runner.run("of_test", "patch", {"STRESS_ROUNDS": "3"}, build)
    counts = {name: getattr(outcome, name) for name in ("crashes", "hangs", "wrong")}
    assert counts == {name: int(name == counted_as) for name in counts}, outcome.said
    if counted_as == "":
        assert (outcome.rounds, outcome.figures, outcome.said) == (3, {"answer": 42}, "")
    if counted_as == "hangs":
        assert "comm: python" in outcome.said, "the stacks of what hangs"


def test_the_runner_waits_until_a_process_has_ended():
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as helper:
        assert helper.stdin
        assert not runner.one_ends([helper.pid], 0)
        helper.stdin.close()
        assert runner.one_ends([os.getpid(), helper.pid], 60)
    assert runner.one_ends([helper.pid], 0), "one that is gone"


def test_results_are_kept_and_not_asked_for_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runner, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(runner, "TABLE", tmp_path / "RESULTS.md")
    engine = runner.identity()[1]
    for good, seconds in ((False, 100.0), (True, 50.0)):
        runner.keep(runner.Outcome("one", "patch", "2000-01-01", engine=engine, seconds=seconds, wrong=int(not good)))
    assert [kept.seconds for kept in runner.read_results()] == [100.0, 50.0]
    assert runner.is_kept("one", "patch", 50)
    assert not runner.is_kept("one", "patch", 60), "the longer one was wrong"
    assert not runner.is_kept("one", "preload", 50)
    with monkeypatch.context() as patched:
        patched.setattr(runner.platform, "python_version", lambda: "3.99.0")
        assert not runner.is_kept("one", "patch", 50), "of another Python"
    monkeypatch.setattr(runner, "identity", lambda: ("other", "other"))
    assert not runner.is_kept("one", "patch", 50), "of other sources"


def test_the_table_of_results_is_its_own_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runner, "TABLE", tmp_path / "RESULTS.md")
    shutil.copyfile(HERE.parent / "stress" / "RESULTS.md", runner.TABLE)
    before = runner.TABLE.read_text()
    runner.write_table(*runner.read_table())
    assert runner.TABLE.read_text() == before
    assert len(runner.read_results()) > 200
