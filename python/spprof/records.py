"""Stand-ins for some of the standard library, at a tenth of the import cost.

    dataclass, replace    like those of ``dataclasses``, which imports ``inspect`` and ``ast`` and compiles each class
    NamedTuple            like that of ``typing``
    cached_property       like that of ``functools``, without its lock (3.11 and earlier), which a forked child might
                          find locked forever
    suppress              like that of ``contextlib``, which imports ``collections`` and ``functools``

Other code still sees dataclasses and named tuples: ``dataclasses.fields``, ``asdict`` and ``replace`` accept them, and
so does ``copy.replace``.
"""

from __future__ import annotations

import sys
from _collections import _tuplegetter  # type: ignore[import-not-found]
from operator import attrgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import suppress as suppress
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
    from functools import cached_property as cached_property
    from typing import Any
    from typing import NamedTuple as NamedTuple

__all__ = ["NamedTuple", "cached_property", "dataclass", "field", "replace", "suppress"]

_put = object.__setattr__


class _Factory:
    """A field's default that is the result of a call."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


class _Shape:
    """The fields of a class, inherited fields first, and their defaults."""

    def __init__(self, cls: type) -> None:
        self.annotations: dict[str, Any] = {}
        self.defaults: dict[str, Any] = {}
        for base in reversed(cls.__mro__[1:]):
            inherited = vars(base).get("_shape")
            if isinstance(inherited, _Shape):
                self.annotations.update(inherited.annotations)
                self.defaults.update(inherited.defaults)
        own = _annotations(cls)
        self.annotations.update(own)
        for name in own:
            if name in vars(cls):
                self.defaults[name] = vars(cls)[name]
                if isinstance(self.defaults[name], _Factory):
                    delattr(cls, name)
        self.names = tuple(self.annotations)

    def bound(self, cls: type, values: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
        """Return the value of each field. TypeError: one is missing, given twice or unknown."""
        given = dict(zip(self.names, values))
        if len(values) > len(self.names):
            raise TypeError(f"{cls.__name__}() takes {len(self.names)} arguments, not {len(values)}")
        for name, value in named.items():
            if name in given or name not in self.annotations:
                wrong = "got two values for" if name in given else "has no field"
                raise TypeError(f"{cls.__name__}() {wrong} {name!r}")
            given[name] = value
        missing = [name for name in self.names if name not in given and name not in self.defaults]
        if missing:
            raise TypeError(f"{cls.__name__}() needs {', '.join(map(repr, missing))}")
        return [given[name] if name in given else _default(self.defaults[name]) for name in self.names]


def _annotations(cls: type) -> dict[str, Any]:
    found: dict[str, Any] | None = vars(cls).get("__annotations__")
    if found is None and sys.version_info >= (3, 14):
        found = cls.__annotations__
    return found or {}


def _default(default: Any) -> Any:
    return default.make() if isinstance(default, _Factory) else default


def _made(cls: type, frozen: bool, eq: bool, repr: bool) -> type:
    shape = _Shape(cls)
    names, count = shape.names, len(shape.names)

    def initialize(self: object, *values: Any, **named: Any) -> None:
        if named or len(values) != count:
            values = shape.bound(type(self), values, named)  # type: ignore[assignment]
        for name, value in zip(names, values):
            _put(self, name, value)

    methods: dict[str, Any] = {"__init__": initialize, "__replace__": _replaced, "_shape": shape}
    methods["__match_args__"] = names
    if frozen:
        methods.update(__setattr__=_refuse, __delattr__=_refuse)
    if repr:
        methods["__repr__"] = _repr
    if eq:
        methods.update(_methods_of_values(cls, names, frozen))
    for name, method in methods.items():
        setattr(cls, name, method)
    for name in ("__dataclass_fields__", "__dataclass_params__"):
        setattr(cls, name, _OfDataclass(name, shape, {"frozen": frozen, "eq": eq, "repr": repr}))
    return cls


def _methods_of_values(cls: type, names: tuple[str, ...], frozen: bool) -> dict[str, Any]:
    values = attrgetter(*names)

    def equal(self: object, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values(self) == values(other)

    def hashed(self: object) -> int:
        return hash(values(self))

    return {"__eq__": equal, "__hash__": hashed if frozen else None}


def _repr(self: Any) -> str:
    fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._shape.names)
    return f"{type(self).__qualname__}({fields})"


def _refuse(self: object, name: str, *value: object) -> None:
    try:
        from dataclasses import FrozenInstanceError
    except Exception:  # the interpreter is shutting down and imports fail
        FrozenInstanceError = AttributeError  # type: ignore[misc,assignment] # noqa: N806
    raise FrozenInstanceError(f"cannot {'assign to' if value else 'delete'} field {name!r}")


def _replaced(self: Any, /, **changes: Any) -> Any:
    return type(self)(**{**{name: getattr(self, name) for name in self._shape.names}, **changes})


class _OfDataclass:
    """The attributes by which ``dataclasses`` recognizes its classes. They are created when it asks for them."""

    def __init__(self, name: str, shape: _Shape, flags: dict[str, bool]) -> None:
        self._name = name
        self._shape = shape
        self._flags = flags

    def __get__(self, instance: object, cls: type) -> Any:
        import dataclasses

        twin = type(cls.__name__, (), {"__annotations__": dict(self._shape.annotations), "__module__": cls.__module__})
        for name, default in self._shape.defaults.items():
            made = dataclasses.field(default_factory=default.make) if isinstance(default, _Factory) else default
            setattr(twin, name, made)
        twin = dataclasses.dataclass(**self._flags)(twin)
        return getattr(twin, self._name)


class _NamedTupleType(type):
    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        if not bases:
            return super().__new__(cls, name, bases, namespace)
        names = tuple(namespace["__annotations__"])
        defaults = {field: namespace.pop(field) for field in names if field in namespace}
        own = {key: value for key, value in namespace.items() if key not in ("__dict__", "__weakref__")}
        methods = {**_TUPLE_METHODS, "__slots__": (), "_fields": names, "_field_defaults": defaults}
        methods.update(
            {field: _tuplegetter(index, f"Alias for field number {index}") for index, field in enumerate(names)}
        )
        return type(name, (tuple,), {**methods, "__match_args__": names, "__new__": _new_of(names, defaults), **own})


def _new_of(names: tuple[str, ...], defaults: dict[str, Any]) -> Any:
    """Return a ``__new__`` with a parameter for each field. It is compiled, since unpacking named arguments takes
    longer on each call.
    """
    fields = ", ".join(names)
    text = f"lambda _cls, {fields}: _new(_cls, ({fields},))"
    # Not eval(text): the interpreter would then forget that an interrupt has ended the program (PyRun_String).
    new: Any = eval(compile(text, "<string>", "eval"), {"_new": tuple.__new__, "__builtins__": {}})
    new.__name__ = "__new__"
    new.__defaults__ = tuple(defaults.values()) or None
    return new


def _tuple_make(cls: type, values: Iterable[Any]) -> Any:
    made: Any = tuple.__new__(cls, values)
    if len(made) != len(made._fields):
        raise TypeError(f"Expected {len(made._fields)} arguments, got {len(made)}")
    return made


def _tuple_replaced(self: Any, /, **changes: Any) -> Any:
    made = self._make(map(changes.pop, self._fields, self))
    if changes:
        wrong = TypeError if sys.version_info >= (3, 13) else ValueError
        raise wrong(f"Got unexpected field names: {list(changes)!r}")
    return made


def _tuple_repr(self: Any) -> str:
    return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in zip(self._fields, self))})"


_TUPLE_METHODS: dict[str, Any] = {
    "_make": classmethod(_tuple_make),
    "_replace": _tuple_replaced,
    "__replace__": _tuple_replaced,
    "__repr__": _tuple_repr,
    "_asdict": lambda self: dict(zip(self._fields, self)),
    "__getnewargs__": lambda self: tuple(self),
}


if not TYPE_CHECKING:

    def dataclass(cls=None, /, *, frozen=False, eq=True, repr=True):
        if cls is None:
            return lambda decorated: _made(decorated, frozen, eq, repr)
        return _made(cls, frozen, eq, repr)

    def field(*, default_factory):
        return _Factory(default_factory)

    replace = _replaced

    class NamedTuple(metaclass=_NamedTupleType):
        pass

    class suppress:  # noqa: N801
        def __init__(self, *kinds):
            self._kinds = kinds

        def __enter__(self):
            pass

        def __exit__(self, kind, error, traceback):
            return kind is not None and issubclass(kind, self._kinds)

    class cached_property:  # noqa: N801
        def __init__(self, work):
            self._work = work
            self.__doc__ = work.__doc__

        def __set_name__(self, owner, name):
            self._name = name

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            return instance.__dict__.setdefault(self._name, self._work(instance))
