"""A cache of payloads that malloc allocates, nine out of ten of which are dropped."""

import sums

sums.begin()

import random

randomly = random.Random(1)
cache = [bytes(randomly.randint(600, 1500)) for _ in range(300_000)]
cache = [one for one in cache if randomly.random() < 0.1]
sums.end()
