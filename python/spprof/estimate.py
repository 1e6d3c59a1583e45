"""Statistics of samples: the weight of each, and confidence intervals (``spprof.analysis.estimate``)."""

from spprof.analysis.estimate import (
    difference_interval,
    heap_interval,
    highest_quantile,
    interval,
    low_reach,
    normal_quantile,
    runs_difference_interval,
    spread,
    unseen_bytes,
    weigh,
)

__all__ = [
    "difference_interval",
    "heap_interval",
    "highest_quantile",
    "interval",
    "low_reach",
    "normal_quantile",
    "runs_difference_interval",
    "spread",
    "unseen_bytes",
    "weigh",
]
