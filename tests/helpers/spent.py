"""For programs in child processes: use CPU time on purpose, and read it from a profile.

The environment variable ``BURNERS`` names the compiled burners.c (see native.burners_environment).
"""

import collections
import ctypes
import os
import platform
import struct
import sys
import threading
import time

import spprof
from spprof import _engine

APART = 0.025
"""Tolerance of a sum, in seconds: two intervals of 1 ms and two ticks of the slowest kernel."""

burners = ctypes.CDLL(os.environ["BURNERS"])
burners.burn.argtypes = burners.errno_changes.argtypes = [ctypes.c_uint64]
burners.burners_start.argtypes = [ctypes.c_int, ctypes.c_uint64, ctypes.c_bool, ctypes.c_size_t, ctypes.c_size_t]
burners.waits_interrupted.argtypes = [ctypes.c_char_p, ctypes.c_int]
burners.send_as_timer.argtypes = [ctypes.c_int, ctypes.c_uint64]
burners.burn.restype = burners.burners_join.restype = None


UNCOVERED_NS = 20_000_000
"""A burst ends only when less CPU time than this is still unsampled. See _is_covered."""

MORE_SECONDS = 5
"""The maximum time by which a burst is prolonged for that purpose."""

_more = collections.Counter()
"""By how much bursts exceeded the requested time, keyed by (session, function in their stack, thread)."""


def spend(seconds):
    """Use this much CPU time of the calling thread in Python; check_seconds accounts for any excess."""
    begin = time.thread_time()
    end, last = begin + seconds, begin + seconds + MORE_SECONDS
    while True:
        while time.thread_time() < end:
            for _ in range(200):
                pass
        if end >= last or _is_covered():
            break
        end += 0.002
    _write_down(time.thread_time() - begin - seconds)


def spend_in_c(seconds):
    """Like spend(), but in C without the GIL."""
    begin = time.thread_time()
    burners.burn(round(seconds * 1e9))
    while not _is_covered() and time.thread_time() < begin + seconds + MORE_SECONDS:
        burners.burn(2_000_000)
    _write_down(time.thread_time() - begin - seconds)


def _is_covered():
    """Return True if the kernel has checked this thread's timer recently. If other programs happen to run at each of
    the kernel's checks, a thread may go unsampled for hundreds of milliseconds, which is not a fault.
    """
    if not _engine.cpu_is_active():
        return True
    for thread_id, _, _, uncovered_ns, is_blocked in _engine.cpu_profile()[2]:
        if thread_id == threading.get_native_id():
            return is_blocked or uncovered_ns < UNCOVERED_NS
    return False


def until_sampled(count, burst, *arguments):
    """Call ``burst`` until the session has ``count`` samples, and return the number of calls. A burst during which the
    kernel rarely checks has hardly any samples.
    """
    times = 0
    while times == 0 or spprof.stats().collected_samples < count:
        burst(*arguments)
        times += 1
    return times


def _write_down(seconds):
    session, frame, seen = _engine.cpu_stats()["epochs"], sys._getframe(1), set()
    while frame:
        seen.add(frame.f_code.co_name)
        frame = frame.f_back
    for function in seen:
        _more[session, function, threading.get_native_id()] += seconds


def _longer(function, thread_id):
    session = _engine.cpu_stats()["epochs"]
    return sum(
        seconds
        for (at, name, thread), seconds in _more.items()
        if at == session and name == function and thread_id in (None, thread)
    )


def names(sample):
    """Return the sample's function names, leaf first, without their classes."""
    return [frame.function.rpartition(".")[2] for frame in sample.frames]


def seconds_in(profile, function, thread_id=None):
    """Return the CPU seconds with this function in the stack, over all threads or in one."""
    return sum(
        sample.weight_ns / 1e9
        for sample in profile.samples
        if function in names(sample) and thread_id in (None, sample.thread_id)
    )


def apart(profile):
    """Return the tolerance in seconds at both ends of a burst. On a busy machine, a thread is rarely running when the
    kernel checks, so samples are further apart.
    """
    longest = max((sample.weight_ns / 1e9 for sample in profile.samples if sample.frames[0].file), default=0)
    return max(APART, 2.5 * longest)


def check_seconds(profile, function, seconds, times=1, thread_id=None):
    """Check that a function is reported to have used this much CPU time, in one burst or several."""
    told = seconds_in(profile, function, thread_id)
    seconds += _longer(function, thread_id)
    assert abs(told - seconds) <= times * apart(profile), f"{function}: {told} of {seconds} s\n{profile}"


def check_total(profile, used):
    """Check that all CPU time is reported, within 2 % and a small constant."""
    assert abs(profile.total_ns / 1e9 - used) <= 0.02 * used + APART, f"{profile.total_ns / 1e9} of {used} s\n{profile}"


def in_threads(count, function, *arguments):
    """Run the function in ``count`` Python threads at the same time."""
    threads = [threading.Thread(target=function, args=arguments) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return threads


def drops():
    return spprof.stats().dropped_samples


def drops_within():
    """Return the drops. Ignore at most two ticks that found the engine busy, at the start and end of the session."""
    found = {reason: count for reason, count in drops().items() if count > 0}
    if found.get("in_engine", 0) <= 2:
        found.pop("in_engine", None)
    return found


def tick():
    """Return the (signal, cookie) of this thread's timer."""
    return _engine.cpu_tick_of(threading.get_native_id())


CALL_NUMBERS = {
    "clock_gettime": {"x86_64": 228, "aarch64": 113},
    "clone": {"x86_64": 56, "aarch64": 220},
    "clone3": {"x86_64": 435, "aarch64": 435},
    "get_robust_list": {"x86_64": 274, "aarch64": 100},
    "getdents64": {"x86_64": 217, "aarch64": 61},
    "getrandom": {"x86_64": 318, "aarch64": 278},
    "getrusage": {"x86_64": 98, "aarch64": 165},
    "ioctl": {"x86_64": 16, "aarch64": 29},
    "madvise": {"x86_64": 28, "aarch64": 233},
    "mincore": {"x86_64": 27, "aarch64": 232},
    "mprotect": {"x86_64": 10, "aarch64": 226},
    "openat": {"x86_64": 257, "aarch64": 56},
    "prctl": {"x86_64": 157, "aarch64": 167},
    "pread64": {"x86_64": 17, "aarch64": 67},
    "process_vm_readv": {"x86_64": 310, "aarch64": 270},
    "process_vm_writev": {"x86_64": 311, "aarch64": 271},
    "rt_sigaction": {"x86_64": 13, "aarch64": 134},
    "rt_sigprocmask": {"x86_64": 14, "aarch64": 135},
    "rt_sigtimedwait": {"x86_64": 128, "aarch64": 137},
    "rt_tgsigqueueinfo": {"x86_64": 297, "aarch64": 240},
    "sigaltstack": {"x86_64": 131, "aarch64": 132},
    "tgkill": {"x86_64": 234, "aarch64": 131},
    "timer_create": {"x86_64": 222, "aarch64": 107},
    "timer_delete": {"x86_64": 226, "aarch64": 111},
    "timer_settime": {"x86_64": 223, "aarch64": 110},
}


def refuse(name, error):
    """Make the kernel fail this system call with the error from now on. If that is impossible, print a message and end
    the program.
    """
    load, equal, answer = 0x20, 0x15, 0x06
    allowed, refused = 0x7FFF0000, 0x00050000
    set_no_new_privileges, set_seccomp, by_filter = 38, 22, 2
    number = CALL_NUMBERS[name][platform.machine()]
    code = [(load, 0, 0, 0), (equal, 0, 1, number), (answer, 0, 0, refused | error), (answer, 0, 0, allowed)]
    packed = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in code))
    program = struct.pack("@HP", len(code), ctypes.addressof(packed))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(set_no_new_privileges, 1, 0, 0, 0) == 0
    if libc.prctl(set_seccomp, by_filter, program, 0, 0) != 0:
        print("no seccomp here:", os.strerror(ctypes.get_errno()))
        sys.exit()
