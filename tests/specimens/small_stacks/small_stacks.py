"""Shared by the programs in this folder. ``STACKS`` in the environment names the compiled stacks.c."""

import ctypes
import os

import spprof

size_t = ctypes.c_size_t
stacks = ctypes.CDLL(os.environ["STACKS"])
stacks.burn.argtypes = [ctypes.c_uint64]
stacks.start_thread.argtypes = [ctypes.c_int, ctypes.c_uint64, size_t, size_t, size_t]
stacks.start_thread.restype = ctypes.c_uint32
stacks.use_signal_stack.argtypes = [size_t]
stacks.signal_stack_size.restype = size_t

TINY = 2048
"""MINSIGSTKSZ. On machines with AVX-512, a signal does not fit."""

TURN_NS = 20_000_000


def dropped(reason):
    return spprof.stats().dropped_samples[reason]


def samples_of(thread_id):
    from spprof import _engine

    return sum(samples for thread, _, samples, _, _ in _engine.cpu_profile()[2] if thread == thread_id)


def burn_until(is_done):
    while not is_done():
        stacks.burn(TURN_NS)
