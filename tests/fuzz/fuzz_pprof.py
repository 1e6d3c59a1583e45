"""Test the profile reader with mutated files: it must return a profile that reports can use, or raise its one error.

python tests/fuzz/fuzz_pprof.py [--seconds N | --files N] [--seed N]

    profiles of tests/python/profiles ─► bytes flipped, cut, doubled, swapped; fields made huge; stacks of mutations
      └─► read_bytes ─┬─► WireError                                  fine
                      ├─► Profile ─► table, tree, diff, merge, write  fine
                      └─► anything else, or beyond a limit            the file is kept, exit status 1

Memory is limited for the whole process (RLIMIT_AS), and CPU time for each file. The same seed generates the same files.
FUZZ_SECONDS in the environment is the default for --seconds.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType

from spprof.analysis.by_site import Tally, ranked
from spprof.analysis.diff import changes
from spprof.cli import table, tree
from spprof.formats.profile_stacks import ProfileStacks
from spprof.pprof.file import read_bytes, written
from spprof.pprof.merge import merged
from spprof.pprof.profile import Profile
from spprof.pprof.wire import WireError, varint

PROFILES = Path(__file__).parents[1] / "python" / "profiles"
SMALL = 6000
"""In bytes. Only parts of larger files in the corpus are used, so that a mutation has an effect."""
MEMORY_BYTES = 2 << 30
PROCESSOR_SECONDS = 30.0
INTERESTING = [0, 1, 2, 0x7F, 0x80, 0xFF, 1 << 31, (1 << 32) - 1, 10 << 30, 1 << 63, (1 << 64) - 1]


class TooLongError(Exception):
    """A file has used too much CPU time."""


def corpus() -> list[bytes]:
    """Return unpacked files, and a few packed ones that exercise the code before the reader."""
    files = [path.read_bytes() for path in sorted(PROFILES.glob("*.pb.gz"))]
    plain = [gzip.decompress(file) for file in files]
    small = [data for data in plain if len(data) <= SMALL]
    return small * 10 + [file for file in files if len(file) <= 1000][:2]


def mutated(chance: random.Random, seeds: list[bytes]) -> bytes:
    """Return a file with one to eight mutations applied one after another."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
        chance.choice(MUTATIONS)(chance, data, seeds)
    return bytes(data)


def flip(chance: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def put(chance: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.randrange(256)


def cut(chance: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    del data[at : at + chance.choice((1, 1, 2, 8, 64, len(data)))]


def double(chance: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = data[at : at + chance.choice((1, 2, 8, 64, 512))]


def splice(chance: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    other = chance.choice(seeds)
    at = chance.randrange(len(other) + 1)
    place = chance.randrange(len(data) + 1)
    data[place : place + chance.choice((0, 4, 32))] = other[at : at + chance.choice((1, 4, 32, 256))]


def number(chance: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    data[at : at + chance.choice((0, 1, 2))] = varint(chance.choice(INTERESTING))


def field(chance: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = varint(chance.randrange(1, 16) << 3 | chance.randrange(6)) + varint(chance.choice(INTERESTING))


MUTATIONS = [flip, put, cut, double, splice, number, field]


def use(profile: Profile) -> None:
    """Use a profile in the ways that the reports do."""
    for index in range(min(len(profile.sample_types), 4)):
        tally = Tally(profile, index)
        tally.whole_interval()
        for own in tally.own.values():
            own.interval()
        table.headline(tally)
        table.reasons(tally)
    tally = Tally(profile, profile.default_index)
    ranked(tally, "total")
    tree.grown(tally)
    changes(tally, tally)
    ProfileStacks(profile).totals()
    b"".join(written(merged([profile, profile])))


def too_long(number: int, frame: FrameType | None) -> None:
    raise TooLongError


def fuzz(seed: int, files: int, seconds: float) -> tuple[int, int]:
    """Return the number of files, and of those that could be read. Raise SystemExit at the first one that breaks the
    contract.
    """
    chance, seeds = random.Random(seed), corpus()
    start = time.monotonic()
    tried = read = 0
    while tried < files and time.monotonic() - start < seconds:
        data = mutated(chance, seeds)
        tried += 1
        signal.setitimer(signal.ITIMER_PROF, PROCESSOR_SECONDS)
        try:
            use(read_bytes(data))
            read += 1
        except WireError:
            pass
        except BaseException:
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            broken = Path(f"broken-{seed}-{tried}.pb")
            broken.write_bytes(data)
            traceback.print_exc()
            sys.exit(f"seed {seed}, file {tried}: kept as {broken}")
    signal.setitimer(signal.ITIMER_PROF, 0.0)
    return tried, read


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("FUZZ_SECONDS", "60")))
    parser.add_argument("--files", type=int, default=0, help="stop after this number of files, whatever the time")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGPROF, too_long)
    endless = float("inf")
    seconds, files = (endless, arguments.files) if arguments.files else (arguments.seconds, sys.maxsize)
    tried, read = fuzz(arguments.seed, files, seconds)
    print(
        f"fuzz_pprof: seed {arguments.seed}: {tried} files, {read} of them profiles; every error was the reader's own"
    )


if __name__ == "__main__":
    main()
