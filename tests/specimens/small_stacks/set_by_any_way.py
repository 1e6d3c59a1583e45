"""A signal stack that is too small is set during sampling, removed, and set again."""

import ctypes
import sys
import threading

import spprof
from small_stacks import TINY, burn_until, dropped, samples_of, stacks

HOW, MODE, WHERE = sys.argv[1:]


class Stack(ctypes.Structure):
    _fields_ = (("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


room = ctypes.create_string_buffer(65536)
before = ctypes.CDLL(None).sigaltstack


def use(size):
    if HOW == "linked":
        assert stacks.use_signal_stack(size) == 0
    else:  # looked up by name, before or after the start
        call = before if HOW == "found before" else ctypes.CDLL(None).sigaltstack
        stack = Stack(ctypes.addressof(room) + 32768, 0, size) if size else Stack(None, 2, 0)
        assert call(ctypes.byref(stack), None) == 0


def main():
    own = threading.get_native_id()
    burn_until(lambda: samples_of(own) > 2)
    for times in (1, 2):
        use(TINY)
        assert stacks.signal_stack_size() == TINY
        sampled, fits = samples_of(own), dropped("small_signal_stack") == 0
        assert fits or dropped("small_signal_stack") == times, spprof.stats()
        stacks.burn(100_000_000)
        assert fits or samples_of(own) == sampled
        use(0)
        burn_until(lambda: samples_of(own) > sampled)


spprof.start(interval_ms=1, mode=MODE)
if WHERE == "main":
    main()
else:
    errors = []
    thread = threading.Thread(target=main)
    threading.excepthook = lambda told: errors.append(told.exc_value)
    thread.start()
    thread.join()
    assert not errors, errors
assert stacks.wrong_calls_fail() == 0
profile = spprof.stop()
assert profile.samples
print(dropped("small_signal_stack"))
