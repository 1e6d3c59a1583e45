"""The meaning of samples: weights and confidence intervals.

The engine samples an allocation of ``s`` bytes at mean rate ``R`` with probability ``p = 1 - exp(-s/R)``. A sample
stands for ``w = s/p`` bytes and ``1/p`` objects, which makes every sum of weights an unbiased estimate ``Y``. With ::

    V = sum of (1-p) w**2        the estimated variance of Y
    S = sum of (1-p)**2 w**3     its estimated covariance with V: V is low when Y is low
    b = z**2 S / V               0 where V is 0

the interval is ``Y + b/2 -+ sqrt(z**2 V + b**2/4)``, with ``z`` the normal quantile of the confidence: the true values
``t`` with ``(Y - t)**2 <= z**2 (V + (S/V)(t - Y))``. It never starts below the bytes of the samples themselves, which
were certainly seen. docs/sampling.md has the derivation and the measured coverage.

Everything here is pure arithmetic: there is no state, and there are no errors other than those stated.
"""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_Z_95 = 1.959963984540054
"""Normal quantile of 0.975, spelled out because ``statistics`` costs more to import than the rest of the package."""
_Z_MAX = 40.0
_RATE_AT_0 = math.sqrt(math.pi / 2.0)


def weigh(size: int, rate: int) -> tuple[float, float, float]:
    """Return what one sample of ``size`` bytes stands for if it was drawn at ``rate`` mean bytes between samples:
    (probability, estimated bytes, estimated objects).

    Rate 0 samples every allocation: the sample stands for itself. (So does a block of 0 bytes, which no other rate ever
    samples.)
    """
    if rate == 0 or size == 0:
        return 1.0, float(size), 1.0
    probability = -math.expm1(-size / rate)
    return probability, size / probability, 1.0 / probability


def spread(size: int, rate: int) -> tuple[float, float]:
    """Return the contribution of one sample to V and S: ``((1-p) w**2, (1-p)**2 w**3)``, in bytes**2 and bytes**3."""
    probability, weight, _ = weigh(size, rate)
    missed = 1.0 - probability
    return missed * weight**2, missed**2 * weight**3


def normal_quantile(confidence: float) -> float:
    """Return the ``z`` for which a standard normal variable is between ``-z`` and ``z`` with probability
    ``confidence``.

    ValueError unless 0 < confidence < 1.
    """
    _check_confidence(confidence)
    if confidence == 0.95:
        return _Z_95
    return _where(_within, confidence, 0.0)  # ``statistics`` has this, but imports fractions, decimal and random


def _where(rising: Callable[[float], float], level: float, below: float) -> float:
    """Return the point from ``below`` to ``_Z_MAX`` at which a rising function reaches ``level``, to the last bit."""
    above = _Z_MAX
    while True:
        middle = (below + above) / 2.0
        if middle in (below, above):
            return middle
        if rising(middle) < level:
            below = middle
        else:
            above = middle


def _within(z: float) -> float:
    """Return the probability that a standard normal variable is between ``-z`` and ``z``."""
    return math.erf(z / math.sqrt(2.0))


def highest_quantile(renewals: float, level: float) -> float:
    """Return the bound, in standard errors, that the highest of many errors of an estimate does not reach with
    probability ``level``.

    ``renewals``: how many times, on average, each sampled block was replaced by another while the estimate was watched.
    0: there is a single error, which is standard normal. ValueError unless 0 < level < 1.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must be between 0 and 1, not {level!r}")
    return _where(lambda u: _highest_below(u, renewals), level, -_Z_MAX)


def _highest_below(u: float, renewals: float) -> float:
    """Return the probability that the highest error is less than ``u``."""
    below = math.erfc(-u / math.sqrt(2.0)) / 2.0
    if below == 0.0:
        return 0.0
    density = math.exp(-u * u / 2.0) / math.sqrt(2.0 * math.pi)
    return below * math.exp(-renewals * density / below * max(u, _RATE_AT_0))


def low_reach(renewals: float, share: float, confidence: float = 0.95) -> float:
    """Return how many standard errors the low end of an interval is below its estimate, if the time of the estimate was
    chosen because a sum of many estimates, including this one, was then highest.

    ``renewals``: see ``highest_quantile``. ``share``: the correlation of this estimate's error with that of the sum, to
    which only replaced blocks contribute: 1 if the estimate is the sum itself, 0 if no block of it was replaced.
    Without either, the result is ``normal_quantile(confidence)``.

    ValueError unless 0 < confidence < 1.
    """
    z = normal_quantile(confidence)
    if renewals <= 0.0 or share <= 0.0:
        return z
    middle, top = highest_ends(renewals, confidence)
    return share * middle + math.sqrt((1.0 - share**2) * z**2 + share**2 * (top - middle) ** 2)


_known_quantiles: dict[tuple[float, float], tuple[float, float]] = {}


def highest_ends(renewals: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return, in standard errors, the median of the highest of many errors, and the value that the highest error
    exceeds with the probability with which one end of an interval may miss. ``renewals``: see ``highest_quantile``.
    """
    known = _known_quantiles.get((renewals, confidence))
    if known is None:
        known = highest_quantile(renewals, 0.5), highest_quantile(renewals, (1.0 + confidence) / 2.0)
        _known_quantiles.clear()  # the sites of one peak share the result, and come one after the other
        _known_quantiles[renewals, confidence] = known
    return known


def unseen_bytes(rate: float, confidence: float = 0.95) -> float:
    """Return the number of bytes that may be in blocks that were never sampled: ``-ln((1-confidence)/2) * rate``, 3.69
    R at 95 %.

    Blocks with a total of ``Y`` bytes are all missed with probability ``exp(-Y/R)``, whatever their sizes. The result
    is the ``Y`` at which that falls to (1-confidence)/2, the probability with which each end of an interval may miss.

    ValueError unless 0 < confidence < 1.
    """
    _check_confidence(confidence)
    return -math.log((1.0 - confidence) / 2.0) * rate


def interval(
    estimate: float,
    variance: float,
    skewness: float,
    seen: float,
    confidence: float = 0.95,
    renewals: float = 0.0,
    share: float = 0.0,
) -> tuple[float, float]:
    """Return (low, high) in bytes for a site that has samples.

    ``estimate``: Y. ``variance``: V. ``skewness``: S. ``seen``: bytes of the sampled blocks themselves, which certainly
    existed. If every sample was certain (V = 0), both ends are the estimate. ``renewals`` and ``share``: see
    ``low_reach``. They are for an estimate at the time of the heap's highest estimate.

    ValueError unless 0 < confidence < 1.
    """
    z, low_z = normal_quantile(confidence), low_reach(renewals, share, confidence)
    low_bend = _bend(low_z, variance, skewness)
    low = estimate + low_bend - _reach(low_z, variance, low_bend)
    return max(low, seen), estimate + _reach(z, variance, _bend(z, variance, skewness))


def heap_interval(
    estimate: float,
    variance: float,
    skewness: float,
    seen: float,
    rate: int,
    confidence: float = 0.95,
    renewals: float = 0.0,
    share: float = 0.0,
) -> tuple[float, float]:
    """Return (low, high) in bytes for the whole heap, which may also hold sites without any sample.

    Like ``interval``, but the upper end is at least ``seen`` plus ``unseen_bytes(rate, confidence)``: without any
    sample the result is [0, 3.69 R] at 95 %, and one huge block does not make the rest of the heap vanish.

    ValueError unless 0 < confidence < 1.
    """
    low, high = interval(estimate, variance, skewness, seen, confidence, renewals, share)
    return low, max(high, seen + unseen_bytes(rate, confidence))


def difference_interval(
    delta: float, added: tuple[float, float], removed: tuple[float, float], confidence: float = 0.95
) -> tuple[float, float]:
    """Return (low, high) in bytes for the change of a site between two snapshots of one process.

    ``added``: (V, S) over the samples that are only in the later snapshot. ``removed``: the same for the earlier
    snapshot. Samples in both cancel exactly. The variance is the sum of the two. Away from zero, the interval is skewed
    as in ``interval`` (upwards by what was added, downwards by what was removed). Towards zero it is not, because the
    side without samples is not known to be empty: with plain ``z * sqrt(V)`` on that side, the interval excludes 0
    exactly if "nothing changed" must be rejected. The seen bytes give no lower bound, because both sides may hold more.

    ValueError unless 0 < confidence < 1.
    """
    z = normal_quantile(confidence)
    variance = added[0] + removed[0]
    below = _reach(z, variance, _bend(z, *removed))
    above = _reach(z, variance, _bend(z, *added))
    return delta - below, delta + above


def runs_difference_interval(
    delta: float, new: tuple[float, float], old: tuple[float, float], confidence: float = 0.95
) -> tuple[float, float]:
    """Return (low, high) in bytes for the change of a site between two profiles that have no sample in common.

    ``new`` and ``old``: (V, S) of the site in each. Each estimate has its full uncertainty, so the variance is the sum
    of the two. Towards zero, the interval reaches ``z * sqrt(V)``: it excludes 0 exactly if "nothing changed" must be
    rejected. For two equal runs, that happens with probability 1 - confidence. Away from zero it is skewed as in
    ``interval``, by the larger side.

    ValueError unless 0 < confidence < 1.
    """
    z = normal_quantile(confidence)
    variance = new[0] + old[0]
    below = _reach(z, variance, _bend(z, *old) if delta < 0.0 else 0.0)
    above = _reach(z, variance, _bend(z, *new) if delta > 0.0 else 0.0)
    return delta - below, delta + above


def _bend(z: float, variance: float, skewness: float) -> float:
    """Return b: the number of bytes by which the interval leans upwards."""
    return z * z * skewness / variance if variance > 0.0 else 0.0


def _reach(z: float, variance: float, bend: float) -> float:
    """Return the distance from the estimate to the end of the interval, on the side to which it leans by ``bend``."""
    return bend / 2.0 + math.sqrt(z * z * variance + bend * bend / 4.0)


def _check_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence!r}; 0.95 is usual")
