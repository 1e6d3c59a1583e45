"""Interpreters import spprof before or after the main one does."""

from asked_for import bytearray_size
from interpreter import Interpreter, in_threads

READ = "(spprof.__version__, spprof.is_active(), memprof.is_active(), memprof.get_stats().total_samples)"


def read(kind):
    with Interpreter(kind) as one:
        one.run("import spprof\nfrom spprof import memprof")
        return one.ask(READ)


def main_profiles():
    """Return the values that every interpreter must have read before."""
    import spprof
    from spprof import memprof

    memprof.start(0, native="off")
    kept = bytearray(70_001)
    sizes = [record[1] for record in memprof.get_snapshot().records()]
    assert sizes.count(bytearray_size(len(kept))) == 1, sizes
    memprof.stop()
    spprof.start()
    assert spprof.stop().sample_count >= 0
    return (spprof.__version__, False, False, 0)


def subinterpreter_first(kind):
    told = read(kind)
    assert told == main_profiles(), told


def main_first(kind):
    from spprof import memprof

    assert not memprof.is_active()
    told = read(kind)
    assert told == main_profiles(), told


def one_after_the_other(kind):
    told = [read(kind) for _ in range(50)]
    assert told == [main_profiles()] * 50, told


def at_once():
    told = in_threads(lambda number: [read("isolated") for _ in range(4)], range(6))
    assert told == [[main_profiles()] * 4] * 6, told


def one_fails(kind):
    """If one interpreter cannot import spprof, others still can."""
    with Interpreter(kind) as one:
        one.run("""
            import sys
            sys.modules["atexit"] = None
            try:
                import spprof
            except ImportError as error:
                told = str(error)
        """)
        assert "atexit" in one.ask("told")
        assert read(kind)[1:] == (False, False, 0)
        one.run("del sys.modules['atexit']\nimport spprof")
        assert one.ask("spprof.is_active()") is False
    main_profiles()


def none_can(kind):
    """If the loader provides an engine of another version, each interpreter reports that, and the process continues."""
    told = []
    for _ in range(2):
        with Interpreter(kind) as one:
            one.run("""
                try:
                    import spprof
                except ImportError as error:
                    told = str(error)
            """)
            told.append(one.ask("told"))
    try:
        import spprof  # noqa: F401
    except ImportError as error:
        told.append(str(error))
    assert told == [told[0]] * 3, told
    print(told[0])
