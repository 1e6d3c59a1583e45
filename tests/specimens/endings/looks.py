"""Print everything visible about the functions that end or replace a process, and how they reject arguments."""

import inspect
import os
import pickle
import posix

WRONG = [((), {}), (("x",), {}), ((1.5,), {}), ((1, 2, 3, 4), {}), ((2**40,), {}), ((), {"wrong": 1}), ((1,), {"x": 2})]

for name in ("_exit", "abort", "execv", "execve"):
    function = getattr(os, name)

    class Holder:
        attribute = function

    print(function, type(function), function.__name__, function.__qualname__, function.__module__, function.__self__)
    print(function.__doc__, function.__text_signature__, inspect.signature(function))
    print(function is getattr(posix, name), Holder().attribute is function, dir(function) == dir(os.getpid))
    print(pickle.loads(pickle.dumps(function)) is function, callable(function), inspect.isbuiltin(function))
    for arguments, keywords in WRONG:
        if name == "abort" and not arguments and not keywords:
            continue
        try:
            function(*arguments, **keywords)
        except Exception as error:
            print(repr(error))
print(sorted(name for name in vars(posix) if "spprof" in name), flush=True)


class Status:
    def __index__(self):
        return 37


os._exit(Status())
