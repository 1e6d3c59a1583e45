import spprof
from spent import burners, check_seconds, names, spend, until_sampled


def calling():
    burners.burn(300_000_000)


spprof.start(interval_ms=1, native=True)
times = until_sampled(20, calling)
spend(0.1)
profile = spprof.stop()
check_seconds(profile, "burn", 0.3 * times, times)
inside = [names(sample) for sample in profile.samples if "burn_leaf" in names(sample)]
assert len(inside) > 10
for stack in inside:
    at = stack.index("burn_leaf")
    assert at == 0 and stack[1] == "burn" and stack[-3:] == ["calling", "until_sampled", "<module>"], stack
# These call the engine while ticks arrive.
callers = {"start", "stop", "stats", "_is_covered", "_write_down"}
every = {name for sample in profile.samples if not callers & {*names(sample)} for name in names(sample)}
signals = [name for name in every if "restore_rt" in name or "on_signal" in name or name.startswith("sp_")]
assert not signals, signals
