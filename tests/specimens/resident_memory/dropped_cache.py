"""A cache of payloads of which most are dropped: malloc keeps the pages between those that stay."""

import random

COUNT, SIZE, KEPT_EVERY = 16_384, 4000, 16


def dropped(count=COUNT, size=SIZE):
    """Returns what stays. ``size`` up to 512: of Python's own pools."""
    filled = [bytes(size) for _ in range(count)]
    return filled[::KEPT_EVERY]


def dropped_small():
    """The same in Python's pools, where one object of each pool or so stays."""
    randomly = random.Random(1)
    filled = [bytes(200) for _ in range(400_000)]
    return [one for one in filled if randomly.random() < 0.02]
