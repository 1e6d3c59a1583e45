"""A CPU profile model that keeps samples in a list, as a reference for profiles. It packs the samples as the engine
does.
"""

from __future__ import annotations

import os
import random
import struct
from dataclasses import dataclass, field

from spprof import _engine
from spprof.cpu_time.profile import Profile
from spprof.results import Frame

START_NS = 1_700_000_000_000_000_000
OFFSET_NS = START_NS - 5_000_000
MAIN_ID = os.getpid()
BLOCKED_ID = MAIN_ID + 2
REASONS = ("in_engine", "torn", "no_memory")


@dataclass
class Tick:
    time_ns: int
    """Time since the start."""
    weight_ns: int
    thread_id: int
    stack_id: int


@dataclass
class NaiveCpu:
    """Samples of threads, and stacks by id."""

    stacks: dict[int, tuple[Frame, ...]]
    names: dict[int, str]
    """Thread names by id."""
    ticks: list[Tick] = field(default_factory=list)
    overflow: list[tuple[int, int, int]] = field(default_factory=list)
    unsampled: dict[int, int] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    unseen_ns: int = 0
    """CPU time of the process that is not attributed to any thread."""
    learned: set[int] = field(default_factory=set)

    def add(self, weight_ns: int, thread_id: int, stack_id: int) -> Tick:
        tick = Tick(1_000 * (len(self.ticks) + 1), weight_ns, thread_id, stack_id)
        self.ticks.append(tick)
        return tick

    @property
    def sampled_ns(self) -> int:
        return sum(tick.weight_ns for tick in self.ticks) + sum(weight for _, _, weight in self.overflow)

    def profile(self, mode: str = "cpu", **changes: object) -> Profile:
        values: dict[str, object] = {
            "start_time": START_NS / 1e9,
            "end_time": START_NS / 1e9 + 2,
            "interval_ms": 10.0,
            "mode": mode,
            "native": False,
            "ticks": "timer",
            "dropped": dict.fromkeys(REASONS, 0),
            "process_ns": self.sampled_ns + sum(self.unsampled.values()) + self.unseen_ns,
            "overhead_ns": 1_234,
            "short_threads": 0,
            "python_version": "3.11.7",
            "platform": "Linux-6.1-x86_64",
            "_threads": [self._record(thread_id) for thread_id in self.names],
            "_packed": b"".join(self._packed(tick) for tick in self.ticks),
            "_overflow": self.overflow,
            "_clock_offset_ns": OFFSET_NS,
            "_start_ns": START_NS,
            "_end_ns": START_NS + 2_000_000_000,
            "_frames_of": self.stacks.__getitem__,
            "_learn": self.learned.update,
        }
        return Profile(**{**values, **changes})  # type: ignore[arg-type]

    def _record(self, thread_id: int) -> tuple[int, str, int, int, bool]:
        samples = sum(tick.thread_id == thread_id for tick in self.ticks)
        return (
            thread_id, self.names[thread_id], samples, self.unsampled.get(thread_id, 0), thread_id in self.blocked,
        )  # fmt: skip

    @staticmethod
    def _packed(tick: Tick) -> bytes:
        return struct.pack(
            _engine.CPU_SAMPLE_FORMAT,
            START_NS - OFFSET_NS + tick.time_ns,
            tick.weight_ns,
            tick.thread_id,
            tick.stack_id,
        )


def random_cpu(seed: int, stacks: dict[int, tuple[Frame, ...]], ticks: int = 400) -> NaiveCpu:
    """Return three threads with samples of mixed weights."""
    chance = random.Random(seed)
    cpu = NaiveCpu(stacks, {MAIN_ID: "MainThread", MAIN_ID + 1: "worker", MAIN_ID + 2: "python3"})
    for _ in range(ticks):
        cpu.add(int(chance.gauss(10_000_000, 1_000_000)), chance.choice([*cpu.names]), chance.choice([*stacks]))
    return cpu
