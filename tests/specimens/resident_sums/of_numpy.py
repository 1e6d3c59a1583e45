"""numpy: arrays of many sizes, some of them dropped, and matrix products, which numpy's library computes in threads."""

import sums

sums.begin()

import numpy as np

randomly = np.random.default_rng(1)
kept = [randomly.random(size) for size in range(1000, 200_000, 1000)]
del kept[::3]
matrix = randomly.random((1500, 1500))
product = matrix @ matrix.T
kept.append(np.linalg.eigvalsh(product[:400, :400]))
sums.end()
