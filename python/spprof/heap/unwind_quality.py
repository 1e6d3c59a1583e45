"""The reliability of native stacks: the share for which unwinding reached the thread's first frame.

    root ┊ main ─ … ─ libfast.so ┊ ← unwinding ended here: the callers are unknown, the stack is truncated

Unwinding ends at a function without unwind tables, unless the function keeps frame pointers. The last module that was
reached is the likely cause.
"""

from __future__ import annotations

import os
import sys

from spprof.results import FramePointerHealth
from spprof.symbolize.modules import module_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from spprof._engine import NativePart

_HIGH, _MEDIUM = 0.05, 0.20
_SHALLOW = 1
_NAMED = 3


def judge(parts: Sequence[tuple[NativePart, int]]) -> FramePointerHealth:
    """Judge the native parts of stacks. Each comes with its number of samples."""
    native = [
        (depth, truncated, samples) for (depth, truncated, _), samples in parts if samples and (depth or truncated)
    ]
    total = sum(samples for _, _, samples in native)
    if total == 0:
        return _nothing()
    rate = sum(samples for _, truncated, samples in native if truncated) / total
    return FramePointerHealth(
        total_native_stacks=total,
        shallow_stack_warnings=sum(samples for depth, truncated, samples in native if truncated and depth <= _SHALLOW),
        avg_native_depth=sum(depth * samples for depth, _, samples in native) / total,
        min_native_depth=min(depth for depth, _, _ in native),
        truncation_rate=rate,
        confidence="high" if rate < _HIGH else "medium" if rate < _MEDIUM else "low",
        recommendation=None if rate < _HIGH else _recommendation(rate, _last_words(parts)),
    )


def _last_words(parts: Sequence[tuple[NativePart, int]]) -> dict[int, int]:
    """Return the words at which unwinding ended early, each with the number of samples that ended there."""
    samples_of: dict[int, int] = {}
    for (_, truncated, root_word), samples in parts:
        if truncated:
            samples_of[root_word] = samples_of.get(root_word, 0) + samples
    return samples_of


def _nothing() -> FramePointerHealth:
    return FramePointerHealth(
        total_native_stacks=0,
        shallow_stack_warnings=0,
        avg_native_depth=0.0,
        min_native_depth=0,
        truncation_rate=0.0,
        confidence="low",
        recommendation=(
            "No native stack has been sampled yet: let the program run longer, or sample more often "
            "(a lower sampling_rate_kb), and take another snapshot."
        ),
    )


def _recommendation(rate: float, last_words: dict[int, int]) -> str:
    begun = f"Unwinding ended early in {100 * rate:.0f} % of the native stacks"
    names = _modules_where_it_ended(last_words)
    if not names:
        jit = " The interpreter's JIT may be the cause: PYTHON_JIT=0 switches it off." if _jit_is_enabled() else ""
        return (
            f"{begun}, in code that belongs to no library: if it was generated at run time, "
            f"make its generator keep frame pointers.{jit}"
        )
    return (
        f"{begun}, most often in {', '.join(names)}: rebuild code that lacks unwind tables without "
        f"-fno-asynchronous-unwind-tables, or with -fno-omit-frame-pointer."
    )


def _jit_is_enabled() -> bool:
    """Return whether the interpreter's JIT is on. JIT code is left out of stacks, except on releases that keep their
    list of it at a different location than the release for which this package was built.
    """
    jit = getattr(sys, "_jit", None)  # since 3.14
    return jit is not None and bool(jit.is_enabled())


def _modules_where_it_ended(last_words: dict[int, int]) -> list[str]:
    """Return the file names of the modules in which unwinding ended for most samples, in descending order."""
    samples_of: dict[str, int] = {}
    for word, path in module_paths(last_words).items():
        name = os.path.basename(path)
        samples_of[name] = samples_of.get(name, 0) + last_words[word]
    return sorted(samples_of, key=lambda name: (-samples_of[name], name))[:_NAMED]
