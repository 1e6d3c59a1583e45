"""Print whether deferred modules have many functions, and whether all of those have the interpreter's builtins."""

import builtins
import types

from spprof import on_demand

on_demand.run_all()
functions = []
for module in on_demand._loaded.values():
    held = [*vars(module).values()]
    held += [one for kind in held if isinstance(kind, type) for one in vars(kind).values()]
    functions += [one for one in held if isinstance(one, types.FunctionType) and one.__module__ == module.__name__]
print(len(functions) > 500, {function.__globals__["__builtins__"] is vars(builtins) for function in functions})
print({getattr(function, "__builtins__", vars(builtins)) is vars(builtins) for function in functions})
