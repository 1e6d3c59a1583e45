"""Subinterpreters that are created and used the same way on every CPython.

with Interpreter("isolated") as one:
    one.run("import spprof")
    assert one.ask("spprof.is_active()") is False

Kinds: "isolated" ones may not fork, and from CPython 3.12 on have their own GIL; "legacy" ones share the main one's.
"""

import ast
import os
import sys
import textwrap
import threading

if sys.version_info >= (3, 13):
    import _interpreters
else:
    import _xxsubinterpreters as _interpreters


class Interpreter:
    def __init__(self, kind):
        if sys.version_info >= (3, 13):
            self._id = _interpreters.create(kind)
        else:
            self._id = _interpreters.create(isolated=kind == "isolated")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        _interpreters.destroy(self._id)

    def run(self, program):
        """Run the program in the interpreter's __main__, in this thread. Re-raise its exceptions as another type."""
        if sys.version_info >= (3, 13):
            failure = _interpreters.exec(self._id, textwrap.dedent(program))
            assert failure is None, failure.errdisplay
        else:
            _interpreters.run_string(self._id, textwrap.dedent(program))

    def ask(self, expression):
        """Return the expression's value in the interpreter, which must be a literal of at most 64 KiB."""
        reading, writing = os.pipe()
        try:
            self.run(f"__import__('os').write({writing}, repr(({expression})).encode())")
        finally:
            os.close(writing)
            with open(reading, encoding="utf-8") as pipe:
                told = pipe.read()
        return ast.literal_eval(told)


ended_threads = []
"""Threads keep their names while they are in this list."""


def in_threads(function, arguments):
    """Call the function with each argument, all at once. Return the results in order, or raise the first error."""
    results, errors = {}, []

    def call(argument):
        try:
            results[argument] = function(argument)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(argument,), name=f"runs {argument}") for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended_threads.extend(threads)
    if errors:
        raise errors[0]
    return [results[argument] for argument in arguments]
