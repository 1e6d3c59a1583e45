"""For programs in children: CPU time spent on purpose, and what a profile says of it.

``BURNERS`` in the environment names the compiled burners.c (native.burners_environment).
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
"""Seconds by which a sum may be off: two intervals of 1 ms and two ticks of the slowest kernel."""

burners = ctypes.CDLL(os.environ["BURNERS"])
burners.burn.argtypes = burners.errno_changes.argtypes = [ctypes.c_uint64]
burners.burners_start.argtypes = [ctypes.c_int, ctypes.c_uint64, ctypes.c_bool, ctypes.c_size_t, ctypes.c_size_t]
burners.waits_interrupted.argtypes = [ctypes.c_char_p, ctypes.c_int]
burners.send_as_timer.argtypes = [ctypes.c_int, ctypes.c_uint64]
burners.burn.restype = burners.burners_join.restype = None


UNCOVERED_NS = 20_000_000
"""Less than this must be without a sample at the end of a burst. See _is_covered."""

MORE_SECONDS = 5
"""A burst takes no more than so much longer for that."""

_more = collections.Counter()
"""What bursts took longer than was asked for, by (session, function in their stack, thread)."""


def spend(seconds):
    """Uses so much CPU time of this thread, in Python, or what check_seconds knows of."""
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
    """The same in C, without the interpreter's lock."""
    begin = time.thread_time()
    burners.burn(round(seconds * 1e9))
    while not _is_covered() and time.thread_time() < begin + seconds + MORE_SECONDS:
        burners.burn(2_000_000)
    _write_down(time.thread_time() - begin - seconds)


def _is_covered():
    """Whether the kernel has looked at this thread not long ago. Where other programs run whenever it looks, there may
    be no sample for hundreds of milliseconds, and nobody's fault."""
    if not _engine.cpu_is_active():
        return True
    for thread_id, _, _, uncovered_ns, is_blocked in _engine.cpu_profile()[2]:
        if thread_id == threading.get_native_id():
            return is_blocked or uncovered_ns < UNCOVERED_NS
    return False


def until_sampled(count, burst, *arguments):
    """Calls it until the session has so many samples, and returns how often it did: a burst at which the kernel seldom
    looks has hardly any."""
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
    """Its functions, leaf first, without their classes."""
    return [frame.function.rpartition(".")[2] for frame in sample.frames]


def seconds_in(profile, function, thread_id=None):
    """CPU seconds with this function in the stack, of all threads or one."""
    return sum(
        sample.weight_ns / 1e9
        for sample in profile.samples
        if function in names(sample) and thread_id in (None, sample.thread_id)
    )


def apart(profile):
    """Seconds by which a burst may be off at both its ends: on a busy machine, where a thread is seldom on when the
    kernel looks, samples are further apart than they should be."""
    longest = max((sample.weight_ns / 1e9 for sample in profile.samples if sample.frames[0].file), default=0)
    return max(APART, 2.5 * longest)


def check_seconds(profile, function, seconds, times=1, thread_id=None):
    """That a function is told to have used so much, in one burst or several."""
    told = seconds_in(profile, function, thread_id)
    seconds += _longer(function, thread_id)
    assert abs(told - seconds) <= times * apart(profile), f"{function}: {told} of {seconds} s\n{profile}"


def check_total(profile, used):
    """That all CPU time is told, within 2 % and a little."""
    assert abs(profile.total_ns / 1e9 - used) <= 0.02 * used + APART, f"{profile.total_ns / 1e9} of {used} s\n{profile}"


def in_threads(count, function, *arguments):
    """Runs it in threads of Python, all at once."""
    threads = [threading.Thread(target=function, args=arguments) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return threads


def drops():
    return spprof.stats().dropped_samples


def drops_within():
    """Those that there were, but for a tick at the session's start and one at its end, where the engine is at work."""
    found = {reason: count for reason, count in drops().items() if count > 0}
    if found.get("in_engine", 0) <= 2:
        found.pop("in_engine", None)
    return found


def tick():
    """(signal, cookie) of this thread's timer."""
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
    """The kernel answers this system call with an error from now on. Where it cannot, the program says so and ends."""
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
