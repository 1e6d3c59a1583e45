"""A cache of objects in Python's pools, nine out of ten of which are dropped."""

import sums

sums.begin()

import random

randomly = random.Random(1)
cache = [bytes(randomly.randint(60, 300)) for _ in range(1_500_000)]
cache = [one for one in cache if randomly.random() < 0.1]
sums.end()
