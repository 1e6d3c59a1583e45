"""For programs in child processes: use CPU time until it is sampled, and read a profile."""

from spprof import _engine


def busy(samples=5):
    "Uses CPU time until the running profile has so many samples more: a loaded kernel may take its time for them."
    goal = _engine.cpu_stats()["samples"] + samples
    while _engine.cpu_is_active() and _engine.cpu_stats()["samples"] < goal:
        pass


def count(profile, function):
    "Samples with this function in the stack."
    return sum(any(frame.function == function for frame in sample.frames) for sample in profile.samples)
