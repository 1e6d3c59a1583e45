"""Each system call that start() needs is refused in turn. Either there is a profile, or the program is told why not."""

from __future__ import annotations

import pytest
from child import Child, Spender
from specimens import specimen

USED = [
    "clone+clone3",
    "get_robust_list",
    "getdents64",
    "getrandom",
    "getrusage",
    "ioctl",
    "madvise",
    "mprotect",
    "openat",
    "pread64",
    "process_vm_readv",
    "process_vm_writev",
    "rt_sigprocmask",
    "rt_sigtimedwait",
    "rt_tgsigqueueinfo",
    "sigaltstack",
    "tgkill",
    "timer_delete",
]
"""Calls without which there is still a profile."""


def refused(spender: Spender, calls: str, error: str, mode: str = "cpu", when: str = "before") -> str:
    said = spender.run(specimen("sandboxes/refused"), calls, error, mode, when)
    if said.startswith("no seccomp here"):
        pytest.skip(said)
    return said


@pytest.mark.parametrize("error", ["EPERM", "ENOSYS"])
@pytest.mark.parametrize("calls", USED)
def test_there_is_a_profile_without_this_call(spender: Spender, calls: str, error: str) -> None:
    assert refused(spender, calls, error).startswith("profile:")


@pytest.mark.parametrize("error", ["EPERM", "ENOSYS"])
@pytest.mark.parametrize("mode", ["cpu", "wall"])
@pytest.mark.parametrize("calls", ["timer_create", "timer_settime"])
def test_without_timers_a_thread_gives_the_ticks_and_it_is_said(
    spender: Spender, calls: str, mode: str, error: str
) -> None:
    said = refused(spender, calls, error, mode)
    assert said.startswith("profile:")
    assert calls in said


@pytest.mark.parametrize("error", ["EPERM", "ENOSYS"])
@pytest.mark.parametrize(
    ("calls", "named"),
    [
        ("timer_create+rt_tgsigqueueinfo", "timer_create"),
        ("timer_settime+rt_tgsigqueueinfo", "timer_settime"),
        ("timer_create+clone+clone3", "timer_create"),
        ("timer_settime+clone+clone3", "timer_settime"),
        ("clock_gettime", "clock_gettime"),
        ("rt_sigaction", "rt_sigaction"),
    ],
)
def test_where_no_tick_can_come_the_start_says_what_to_allow(
    spender: Spender, calls: str, named: str, error: str
) -> None:
    """If the start did not fail, the profile would be empty."""
    said = refused(spender, calls, error)
    assert said.startswith("error:")
    assert named in said


@pytest.mark.parametrize("calls", ["timer_create", "timer_settime", "getdents64", "openat", "rt_tgsigqueueinfo"])
def test_what_is_refused_after_the_start_is_counted(spender: Spender, calls: str) -> None:
    """A sandbox may be activated after the start. Later threads may then have no timer."""
    assert refused(spender, calls, "EPERM", "cpu", "after").startswith("profile:")


@pytest.mark.parametrize("calls", ["", "process_vm_writev"])
def test_without_proc_malloc_is_patched_or_it_is_said(child: Child, burners: dict[str, str], calls: str) -> None:
    """Without patching, the profile would silently cover only Python's allocators."""
    said = child.run(specimen("sandboxes/without_proc"), calls, environment=burners)
    if said:
        pytest.skip(said)
