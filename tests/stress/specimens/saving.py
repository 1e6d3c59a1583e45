"""Saving is killed at any time, or runs out of space: the file is completely old or new, and the next save works."""

import os
import random
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import spprof.memprof as memprof
from rounds import SHORT, check, expect_good, finish, load, rounds, run_child, start_anew

KILLS = 6 if SHORT else 60
FULL_DISK = """
import errno, os, sys
import spprof.memprof as memprof
memprof.start(0)
keep = []
for number in range(2000):
    scope = {}
    exec(f"def function_{number:0200}(): return bytearray(100)", scope)
    keep.append(scope[f"function_{number:0200}"]())
snapshot = memprof.get_snapshot()
file = os.path.join(sys.argv[1], "profile.json")
with open(file, "wb") as good:
    good.write(b"good")
with open(os.path.join(sys.argv[1], "filler"), "wb", buffering=0) as filler:
    try:
        while filler.write(bytes(1024)):
            pass
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
try:
    snapshot.save(file)
except OSError as error:
    assert error.errno == errno.ENOSPC and "free some space" in str(error), error
else:
    raise AssertionError("a full disk is an error")
assert sorted(os.listdir(sys.argv[1])) == ["filler", "profile.json"], os.listdir(sys.argv[1])
assert open(file, "rb").read() == b"good"
os.unlink(os.path.join(sys.argv[1], "filler"))
snapshot.save(file)
assert os.path.getsize(file) > 4
"""
chance = random.Random(1)


def make_snapshots():
    """Take two different snapshots, with enough stacks that writing takes a while. Stop in between, because taking a
    snapshot allocates too.
    """
    snapshots = []
    held = []
    for count in (300, 600):
        start_anew(0)
        for number in range(len(held), count):
            scope = {}
            exec(f"def function_{number:0200}():\n    return bytearray(1000)", scope)
            held.append(scope[f"function_{number:0200}"]())
        memprof.stop()
        snapshots.append(memprof.get_snapshot())
    return snapshots


def save_for_ever(snapshots, path):
    for number in range(10**9):
        snapshots[number % 2].save(path)


def kill_savers(snapshots, path):
    wholes = []
    for snapshot in snapshots:
        begin = time.monotonic()
        snapshot.save(path)
        seconds = time.monotonic() - begin
        wholes.append(Path(path).read_bytes())
    check(wholes[0] != wholes[1], "the two files are the same")
    for _ in range(KILLS):
        pid = os.fork()
        if pid == 0:
            save_for_ever(snapshots, path)
        time.sleep(chance.random() * 4 * seconds)  # at any time during about the first two saves
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        check(Path(path).read_bytes() in wholes, "the file is neither the old one nor the new one")
    left = [file for file in Path().iterdir() if file.name != path]
    for file in left:
        check(file.name.startswith(f".{path}.") and stat.S_IMODE(file.stat().st_mode) == 0o600, f"{file} was left")
    check(len(left) <= KILLS, "more aside files than kills")
    snapshots[0].save(path)
    check(Path(path).read_bytes() == wholes[0], "a later save writes the whole file")
    for file in left:
        file.unlink()
    return len(left)


def save_beyond_limit(snapshot, path):
    """Save in a child for which the kernel limits the size of files (EFBIG, like ENOSPC on a full disk)."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = Path(path).read_bytes()
    for limit in (0, 1, 4096, 20_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        try:
            snapshot.save(path)
        except OSError as error:
            check(error.filename == path, str(error))
        else:
            check(False, f"a file of more than {limit} bytes was written")
    check([file.name for file in Path().iterdir()] == [path], "an aside file was left")
    check(Path(path).read_bytes() == before, "a failed save changed the file")


def save_on_full_disk():
    """Save on our own small file system. Return the reason why that is impossible, or "tried"."""
    folder = Path("small").resolve()
    folder.mkdir()
    mount = f"mount -t tmpfs -o size=4m none {folder} && exec {sys.executable} - {folder}"
    for unshare in (["unshare", "-m"], ["unshare", "-Urm"]):
        probe = (
            subprocess.run([*unshare, "true"], capture_output=True, check=False) if shutil.which("unshare") else None
        )
        if probe and probe.returncode == 0:
            command = [*unshare, "sh", "-c", mount]
            finished = subprocess.run(command, input=FULL_DISK, capture_output=True, encoding="utf-8", check=False)
            check(finished.returncode == 0, f"on a full disk: {finished.stderr}")
            folder.rmdir()
            return "tried"
    folder.rmdir()
    return "not permitted to mount a small file system"


kills = litter = 0
full_disk = ""
for _number in rounds():
    snapshots = make_snapshots()
    start_anew(1)
    with load(2):
        litter += kill_savers(snapshots, "profile.json")
        kills += KILLS
        expect_good(run_child(lambda: save_beyond_limit(snapshots[1], "profile.json")))  # noqa: B023
    Path("profile.json").unlink()
    full_disk = save_on_full_disk()
finish(kills=kills, aside_files_left=litter, full_disk=full_disk)
