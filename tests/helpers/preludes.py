"""What programs of several tests begin with."""

from __future__ import annotations

OF_MEMORY = """
import spprof.memprof as memprof

def sizes(snapshot, least=1_000_000):
    "Sizes of the live blocks of at least so many bytes, smallest first."
    return sorted(sample.size for sample in snapshot.samples if sample.size >= least)

def site(snapshot, function):
    "The rows of one function, by line."
    return {row["line"]: row for row in snapshot.top_allocators(10_000) if row["function"].endswith(function)}

def python_frames(stack):
    "Leaf first."
    return [frame for frame in stack if frame.is_python]
"""

OF_CPU = """
import os, sys, threading, time
import spprof
from spprof import _engine

def busy(samples=5):
    "Uses CPU time until the running profile has so many samples more: a loaded kernel may take its time for them."
    goal = _engine.cpu_stats()["samples"] + samples
    while _engine.cpu_is_active() and _engine.cpu_stats()["samples"] < goal:
        pass

def count(profile, function):
    "Samples with this function in the stack."
    return sum(any(frame.function == function for frame in sample.frames) for sample in profile.samples)
"""
