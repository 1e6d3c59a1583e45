"""The heap at its peak: its sites, the windows, forked children, and the messages of ``spprof run``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from child import Child
from specimens import specimen


def test_sites_of_the_peak_are_what_was_live_then(child: Child):
    child.run(specimen("peak/sites_of_the_peak"))


def test_both_peaks_are_exact_at_every_step(child: Child):
    """The steps are allocations, frees, reallocs, stops, starts and resets, with a stack table that evicts entries."""
    few = {"SPPROF_STACKS_MAX": "256"}
    child.run(specimen("peak/exact_at_every_step"), "2000", "1", environment=few)


def test_a_block_has_its_own_peak(child: Child):
    child.run(specimen("peak/a_block_has_its_own_peak"))


def test_a_child_begins_with_what_it_inherited(child: Child):
    child.run(specimen("peak/a_child_begins_with_what_it_inherited"))


def summary_of(name: str, folder: Path) -> list[str]:
    command = [sys.executable, "-m", "spprof", "run", "--rate-kb", "0", str(specimen(f"peak/{name}"))]
    finished = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return finished.stderr.splitlines()


def test_a_run_whose_heap_is_freed_shows_the_peaks_sites_first(tmp_path: Path):
    lines = summary_of("all_is_freed", tmp_path)
    assert re.match(r"spprof: at the peak: 3\d\.\d MiB \(.*; the highest RSS was \d+\.\d MiB", lines[0])
    assert "load" in lines[1] + lines[2]
    assert "transform" in lines[1] + lines[2]
    assert sum("at the peak" in line for line in lines) == 1
    assert any(line.startswith("spprof: live at the end: ") for line in lines)


def test_a_run_whose_heap_is_largest_at_its_end_shows_that_alone(tmp_path: Path):
    lines = summary_of("all_is_kept", tmp_path)
    assert lines[0].startswith("spprof: live at the end: ")
    assert not any("at the peak" in line for line in lines)
