"""A cache of payloads, most of which are dropped. malloc keeps the pages between the remaining ones."""

import random

COUNT, SIZE, KEPT_EVERY = 16_384, 4000, 16


def dropped(count=COUNT, size=SIZE):
    """Return the remaining payloads. ``size`` up to 512 comes from Python's own pools."""
    filled = [bytes(size) for _ in range(count)]
    return filled[::KEPT_EVERY]


def dropped_small():
    """Do the same as dropped() in Python's pools, where about one object of each pool remains."""
    randomly = random.Random(1)
    filled = [bytes(200) for _ in range(400_000)]
    return [one for one in filled if randomly.random() < 0.02]
