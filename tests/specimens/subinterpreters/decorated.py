"""Calls decorated functions where the profiler cannot start, or cannot make or save its profile."""

import functions
import spprof
from interpreter import Interpreter
from spprof import _engine

REFUSED = (
    "this subinterpreter has its own GIL and cannot control the CPU profiler: call start() in the main interpreter; "
    "one profiler serves the whole process and samples every interpreter"
)


def expected(words):
    """Return the expected message for each function."""
    return {name: [words.format(name)] for name in functions.NAMES}


def in_isolated_interpreters():
    for profiles in (False, True):
        with Interpreter("isolated") as one:
            one.run("import functions")
            if profiles:  # in this case, a call is part of the profile, and there is no message
                spprof.start()
                assert one.ask("functions.warnings_of(2)") == {}
                spprof.stop()
            told = one.ask("functions.warnings_of(3)")
            assert told == expected("{}() runs without being profiled: " + REFUSED), told
            one.run("functions.silent_where_warnings_are_errors()")
            assert one.ask("functions.plain.profile") is None
    with Interpreter("isolated") as one:
        one.run("import functions\nfunctions.silent_where_warnings_are_errors()")
    check_it_works()


def check_it_works():
    """Check that there is no message if nothing is wrong."""
    assert functions.warnings_of(1) == {}
    assert functions.coroutine.profile.interval_ms == 2
    assert not spprof.is_active()


def where_it_cannot_start(kind):
    honest = _engine.cpu_start

    def fail(*arguments):
        raise {"OSError": OSError("no timers"), "MemoryError": MemoryError(), "ImportError": ImportError("gone")}[kind]

    _engine.cpu_start = fail
    told = functions.warnings_of(3)
    reason = {"OSError": "no timers", "MemoryError": "MemoryError()", "ImportError": "gone"}[kind]
    assert told == expected(f"{{}}() runs without being profiled: {reason}"), told
    assert functions.plain.profile is None
    _engine.cpu_start = honest
    check_it_works()


def where_no_profile_can_be_made():
    honest = _engine.cpu_profile

    def fail():
        raise MemoryError

    _engine.cpu_profile = fail
    told = functions.warnings_of(3)
    assert told == expected("the profile of {}() could not be made: MemoryError()"), told
    assert functions.plain.profile is None
    _engine.cpu_profile = honest
    check_it_works()


def where_it_cannot_be_saved():
    def fail(output, profile):
        raise OSError(28, "No space left on device", "profile.json")

    honest, decorated = spprof.cpu.Output.save, dict(vars(functions))
    spprof.cpu.Output.save = fail
    for name in functions.NAMES:
        setattr(functions, name, spprof.profile(output_path="profile.json")(decorated[name].__wrapped__))
    told = functions.warnings_of(3)
    reason = "[Errno 28] No space left on device: 'profile.json'"
    assert told == expected(f"the profile of {{}}() could not be saved: {reason}"), told
    assert functions.generator.profile.interval_ms == 10
    functions.silent_where_warnings_are_errors()
    spprof.cpu.Output.save = honest
    vars(functions).update(decorated)
    check_it_works()


def where_a_thread_gives_the_ticks():
    """This error is also reported once for each function."""
    honest = _engine.cpu_start

    def start(*arguments):
        honest(*arguments)
        return "thread"

    _engine.cpu_start = start
    told = functions.warnings_of(3)
    assert told == expected(f"{{}}() is profiled, but {spprof.cpu.BY_THREAD}"), told
    functions.silent_where_warnings_are_errors()
    assert functions.coroutine.profile.interval_ms == 2
    assert not spprof.is_active()
