import spprof
from spent import burners, drops, drops_within

spprof.start(interval_ms=1)
assert set(drops()) == {
    "in_engine",
    "torn",
    "no_stack_room",
    "no_memory",
    "stack_table_full",
    "code_table_full",
    "threads_full",
    "timer_refused",
    "small_signal_stack",
    "small_stack",
}
assert not drops_within(), drops()
spprof.stop()
for _ in range(20):  # the kernel may check the threads too rarely within a single burst
    assert burners.burners_start(2, 600_000_000, False, 0, 2500) == 2
    spprof.start(interval_ms=1)
    burners.burners_join()
    profile = spprof.stop()
    if drops()["no_stack_room"] > 10:
        break
assert drops()["no_stack_room"] > 10, drops()
assert set(drops_within()) == {"no_stack_room"}, drops()
assert profile.dropped_count == sum(drops().values())
