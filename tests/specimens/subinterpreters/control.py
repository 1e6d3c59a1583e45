"""Checks which interpreters can start and stop the profilers: the main one, and those that share its GIL."""

from asked_for import bytearray_size
from interpreter import Interpreter

REFUSED = """
    import spprof
    from spprof import memprof

    def refused(call):
        try:
            call()
        except RuntimeError as error:
            return str(error)
        raise AssertionError(call)

    told = {
        "memprof.start": refused(memprof.start),
        "memprof.stop": refused(memprof.stop),
        "memprof.shutdown": refused(memprof.shutdown),
        "MemoryProfiler": refused(memprof.MemoryProfiler().__enter__),
        "start": refused(spprof.start),
        "stop": refused(spprof.stop),
        "Profiler": refused(spprof.Profiler().__enter__),
    }
"""


def message(profiler, function):
    return (
        f"this subinterpreter has its own GIL and cannot control the {profiler} profiler: call {function}() in the "
        f"main interpreter; one profiler serves the whole process and samples every interpreter"
    )


EXPECTED = {
    "memprof.start": message("heap", "start"),
    "memprof.stop": message("heap", "stop"),
    "memprof.shutdown": message("heap", "shutdown"),
    "MemoryProfiler": message("heap", "start"),
    "start": message("CPU", "start"),
    "stop": message("CPU", "stop"),
    "Profiler": message("CPU", "start"),
}


def is_refused():
    """An isolated interpreter is refused whether or not the main one is profiling. The main one is unaffected."""
    import spprof
    from spprof import memprof

    def told():
        with Interpreter("isolated") as one:
            one.run(REFUSED)
            return one.ask("told")

    assert told() == EXPECTED, told()
    assert (memprof.is_active(), spprof.is_active()) == (False, False)
    memprof.start()
    spprof.start()
    assert told() == EXPECTED, told()
    assert (memprof.is_active(), spprof.is_active()) == (True, True)
    spprof.stop()
    memprof.stop()
    memprof.start()
    memprof.stop()


def legacy_starts(kind):
    """Only profilers that an interpreter has started end with that interpreter. The next one can start them again."""
    import os

    import spprof
    from spprof import memprof

    def active():
        return memprof.is_active(), spprof.is_active()

    for number in range(2):
        with Interpreter(kind) as one, Interpreter(kind) as other:
            for interpreter in (one, other):
                interpreter.run("import spprof\nfrom spprof import memprof")
            one.run(f"memprof.start(100); spprof.start(output_path='{number}.collapsed')")
            one.run("kept = bytearray(8_000_000)")
            assert active() == (True, True)
            assert other.ask("memprof.is_active(), spprof.is_active()") == (True, True)
            assert [record[1] for record in memprof.get_snapshot().records()].count(bytearray_size(8_000_000)) == 1
            other.run("memprof.stop(); memprof.start(); memprof.stop()")
            one.run("memprof.start()")
        assert active() == (False, False), (number, active())
        assert os.path.exists(f"{number}.collapsed"), os.listdir()
        with Interpreter(kind) as one:
            one.run("import spprof\nfrom spprof import memprof\nmemprof.start(); memprof.stop()")
            one.run("spprof.start(); profile = spprof.stop()")
            memprof.start()
            spprof.start()
        assert active() == (True, True), (number, active())
        spprof.stop()
        memprof.stop()


def session_of_another(kind):
    """The main interpreter can end a session that any interpreter has started, and gets the profile."""
    import spprof

    with Interpreter(kind) as one:
        one.run("import spprof\nspprof.start(interval_ms=1, mode='wall')")
        profile = spprof.stop()
        assert (profile.mode, profile.interval_ms) == ("wall", 1.0)
        assert {thread.name for thread in profile.threads} >= {"MainThread"}, profile.threads
    assert not spprof.is_active()
