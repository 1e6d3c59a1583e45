"""With a budget, samples become rarer, estimates remain correct, and reports state the longest interval."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from child import Child
from specimens import specimen
from spprof import memprof
from spprof.analysis.by_site import Tally
from spprof.pprof.file import read_profile
from spprof.pprof.merge import merged


def test_a_budget_makes_samples_rarer_and_estimates_stay_right(child: Child):
    longest = int(child.run(specimen("budget/a_budget_makes_samples_rarer")))
    first, later = (read_profile(str(child.folder / name)) for name in ("heap.pb.gz", "later.pb.gz"))
    assert (later.period, later.longest_rate, first.longest_rate) == (1024, longest, longest)
    for profile in (later, merged([first, later])):
        tally = Tally(profile, profile.default_index)
        ends = tally.whole_interval()
        assert ends is not None
        assert ends[1] >= tally.whole.seen + 3.6 * longest


@pytest.mark.parametrize(
    ("budget", "error", "words"),
    [
        (0, ValueError, "above 0 and at most 100, not 0"),
        (-1.0, ValueError, "above 0"),
        (100.1, ValueError, "at most 100"),
        (float("nan"), ValueError, "not nan"),
        (True, TypeError, "not bool"),
        ("0.1", TypeError, "a number or None, not str"),
    ],
)
def test_a_wrong_budget_is_refused_before_anything_starts(budget: float, error: type[Exception], words: str):
    with pytest.raises(error, match=words):
        memprof.start(sampling_budget_percent=budget)
    with pytest.raises(error, match=words):
        memprof.MemoryProfiler(sampling_budget_percent=budget)
    assert not memprof.is_active()


def test_every_allocation_has_no_budget():
    with pytest.raises(ValueError, match="no budget can bound"):
        memprof.start(0, sampling_budget_percent=1)
    assert not memprof.is_active()


def run(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spprof", "run", *map(str, words)]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)


def test_a_run_says_how_rare_its_budget_made_samples(tmp_path: Path):
    program = specimen("budget/allocates_until_samples_are_rare")
    finished = run(tmp_path, "--rate-kb", "1", "--budget", "0.001", program)
    assert finished.returncode == 0, finished.stderr
    assert re.search(
        r"--budget reduced sampling to as little as 1 per [\d.,]+ [KMG]iB; estimates stay unbiased", finished.stderr
    )


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--budget", "0", "x.py"), "must be above 0 and at most 100"),
        (("--budget", "x", "x.py"), "invalid _percent value|argument --budget"),
        (("--rate-kb", "0", "--budget", "1", "x.py"), "--budget cannot limit --rate-kb 0"),
    ],
)
def test_a_run_refuses_a_wrong_budget(words: tuple[str, ...], error: str, tmp_path: Path):
    (tmp_path / "x.py").write_text("")
    finished = run(tmp_path, *words)
    assert finished.returncode == 2
    assert re.search(error, finished.stderr)
