"""The program loses /proc before the profilers start, as in a chroot or a container without it."""

import ctypes
import errno
import os
import sys
import threading
import warnings

import spprof
import spprof.heap.snapshot
import spprof.memprof as memprof
from asked_for import bytearray_size
from spent import burners, refuse, spend

(REFUSED,) = sys.argv[1:]
NEW_USER, NEW_MOUNTS, RECURSIVE, PRIVATE = 0x10000000, 0x00020000, 0x4000, 0x40000
libc = ctypes.CDLL(None, use_errno=True)
maps = os.open("/proc/self/maps", os.O_RDONLY)


def protections():
    """Return the protections of everything that was loaded from files, one range after another."""
    os.lseek(maps, 0, os.SEEK_SET)
    lines = []
    while piece := os.read(maps, 1 << 20):
        lines.append(piece)
    return [line.split()[:2] for line in b"".join(lines).splitlines() if b".so" in line or b"python" in line]


flags = NEW_MOUNTS if os.geteuid() == 0 else NEW_MOUNTS | NEW_USER
if (
    libc.unshare(flags) != 0
    or libc.mount(None, b"/", None, RECURSIVE | PRIVATE, None) != 0
    or libc.mount(b"none", b"/proc", b"tmpfs", 0, None) != 0
):
    print("no namespaces here:", os.strerror(ctypes.get_errno()))
    sys.exit()
assert not os.path.exists("/proc/self")
if REFUSED:
    refuse(REFUSED, errno.EPERM)

before = protections()
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    memprof.start(0)
after = protections()
changed = [one for one in before if one not in after]
assert not changed, changed
words = [str(one.message) for one in said]
kept = bytearray(54_320)
assert [s.size for s in memprof.get_snapshot().samples if s.size == bytearray_size(54_320)] == [bytearray_size(54_320)]
large = bytearray(1 << 20)
assert [s.resident_bytes for s in memprof.get_snapshot().samples if s.size >= 1 << 20] == [None]
stats = memprof.get_stats()
if REFUSED:
    assert stats.native_mode == "off"
    assert len(words) == 1 and "LD_PRELOAD" in words[0], words
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        memprof.stop()
        memprof.start(0, native="off")
    assert not said
else:
    assert (stats.native_mode, stats.uncovered_objects, words) == ("patch", (), [])
memprof.stop()

for native in (False, True):
    other = threading.Thread(target=burners.burn, args=(200_000_000,))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        spprof.start(interval_ms=1, native=native)
    other.start()
    spend(0.1)
    other.join()
    profile = spprof.stop()
    assert len({sample.thread_id for sample in profile.samples}) > 1 or said
