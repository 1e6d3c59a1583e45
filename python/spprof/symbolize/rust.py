"""Decodes Rust's linker names into the form used in source code.

Two manglings are in use. The older one is that of C++, with a hash at the end and with escapes for characters that C++
does not allow:

    _ZN4core3fmt9Formatter3pad17h0123456789abcdefE                 core::fmt::Formatter::pad
    _ZN50_$LT$T$u20$as$u20$core..any..Any$GT$7type_id17h…E         <T as core::any::Any>::type_id

The newer one ("v0", RFC 2603) is a small language of paths and types:

    _RINvNtCs1234_5alloc3vec4grow…E    alloc::vec::grow::<…>

Hashes, disambiguators of crates, and the crate that instantiated a function are left out. A name that follows neither
mangling is not a Rust name, so it decodes to None.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_DEPTH_MAX = 100
_LENGTH_MAX = 1 << 18
"""Limit on the total number of characters in all parts, since back references can expand a short name enormously."""


class _NotRustError(Exception):
    """The name does not follow the mangling."""


def decoded(mangled: str) -> str | None:
    """Return the readable name, or None if ``mangled`` is not a Rust name."""
    try:
        if mangled.startswith("_R"):
            return _V0(mangled[2:]).symbol()
        if mangled.startswith("_ZN"):
            return _legacy(mangled[3:])
    except (_NotRustError, RecursionError, UnicodeError):
        pass
    return None


# ---- The older mangling

_DIGITS, _HEX_DIGITS = "0123456789", "0123456789abcdef"
_HASH_DIGITS = 16
_ESCAPED = {"SP": "@", "BP": "*", "RF": "&", "LT": "<", "GT": ">", "LP": "(", "RP": ")", "C": ","}


def _legacy(rest: str) -> str | None:
    parts = []
    while not rest.startswith("E"):
        digits = _run(rest, 0, _DIGITS, 5)
        end = len(digits) + int(digits or "0")
        if not digits or digits.startswith("0") or end > len(rest):
            return None
        parts.append(rest[len(digits) : end])
        rest = rest[end:]
    if len(parts) < 2 or not _is_hash(parts[-1]):
        return None
    return "::".join(map(_unescaped, parts[:-1]))


def _unescaped(part: str) -> str:
    text = part[1:] if part.startswith("_$") else part
    read, at = "", 0
    while at < len(text):
        meaning, length = _escape(text, at)
        read += meaning
        at += length
    return read


def _escape(text: str, at: int) -> tuple[str, int]:
    """Return the meaning and length of an escape (``..``, ``$LT$``, ``$u20$``). Other characters mean themselves."""
    if text.startswith("..", at):
        return "::", 2
    end = text.find("$", at + 1) if text[at] == "$" else -1
    name = text[at + 1 : end] if end >= 0 else ""
    meaning = _ESCAPED.get(name)
    if meaning is None and 1 < len(name) <= 7 and name[0] == "u" and _run(name, 1, _HEX_DIGITS) == name[1:]:
        code = int(name[1:], 16)
        meaning = chr(code) if code < 0x110000 else f"${name}$"
    return (meaning, len(name) + 2) if meaning is not None else (text[at], 1)


def _is_hash(part: str) -> bool:
    return len(part) == 1 + _HASH_DIGITS and part[0] == "h" and _run(part, 1, _HEX_DIGITS) == part[1:]


def _run(text: str, at: int, characters: str, most: int = 1 << 30) -> str:
    """Return the longest substring of ``text`` that begins at ``at``, consists only of these characters, and is at most
    ``most`` characters long.
    """
    end = at
    while end < len(text) and text[end] in characters and end - at < most:
        end += 1
    return text[at:end]


# ---- The newer mangling

_BASIC_TYPES = {
    "a": "i8", "b": "bool", "c": "char", "d": "f64", "e": "str", "f": "f32", "h": "u8", "i": "isize", "j": "usize",
    "l": "i32", "m": "u32", "n": "i128", "o": "u128", "p": "_", "s": "i16", "t": "u16", "u": "()", "v": "...",
    "x": "i64", "y": "u64", "z": "!",
}  # fmt: skip
_ELIDED = "'_"
_SIGNED, _UNSIGNED = "asxnli", "htmyoj"
_DIGITS_62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class _V0:
    """Reads one name from left to right. Every method consumes the part after which it is named, and returns that part
    in readable form.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._length = 0
        self._lifetimes = 0  # the number of lifetimes bound by the enclosing binders

    def symbol(self) -> str:
        path = self._path(in_value=True)
        if self._next_is("CMXYNIB"):
            self._path(in_value=False)  # the crate that instantiated it
        if self._at < len(self._text) and self._text[self._at] not in ".$":
            raise _NotRustError
        return path

    # ---- characters and numbers

    def _take(self) -> str:
        if self._at >= len(self._text):
            raise _NotRustError
        self._at += 1
        return self._text[self._at - 1]

    def _next_is(self, characters: str) -> bool:
        return self._at < len(self._text) and self._text[self._at] in characters

    def _took(self, character: str) -> bool:
        if not self._next_is(character):
            return False
        self._at += 1
        return True

    def _base_62(self) -> int:
        if self._took("_"):
            return 0
        number = 0
        while (digit := _DIGITS_62.find(self._take())) >= 0:
            number = number * 62 + digit
            if number >= 1 << 64:
                raise _NotRustError
        if self._text[self._at - 1] != "_":
            raise _NotRustError
        return number + 1

    def _optional_base_62(self, tag: str) -> int:
        """Return the number that follows ``tag``, plus 1; 0 if the tag is absent."""
        return self._base_62() + 1 if self._took(tag) else 0

    def _decimal(self) -> int:
        digits = "0" if self._text.startswith("0", self._at) else _run(self._text, self._at, _DIGITS, 6)
        if not digits:
            raise _NotRustError
        self._at += len(digits)
        return int(digits)

    def _limited(self, text: str) -> str:
        self._length += len(text) + 1
        if self._length > _LENGTH_MAX:
            raise _NotRustError
        return text

    # ---- names

    def _identifier(self) -> tuple[str, int]:
        """Return the name and its disambiguator."""
        disambiguator = self._optional_base_62("s")
        is_punycode = self._took("u")
        length = self._decimal()
        self._took("_")
        name = self._text[self._at : self._at + length]
        if len(name) != length:
            raise _NotRustError
        self._at += length
        if is_punycode:
            basic, _, rest = name.rpartition("_")
            name = f"{basic}-{rest}".encode("ascii").decode("punycode") if basic else rest.encode().decode("punycode")
        return self._limited(name), disambiguator

    # ---- parts that back references may point to

    def _back(self) -> int:
        """Go to the target of a back reference. Return the position at which to continue afterwards."""
        start = self._at - 1
        target = self._base_62()
        if target >= start:
            raise _NotRustError
        resume, self._at = self._at, target
        return resume

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise _NotRustError

    def _path(self, in_value: bool) -> str:
        self._deeper()
        tag = self._take()
        if tag == "B":
            resume = self._back()
            path = self._path(in_value)
            self._at = resume
        else:
            path = self._path_of(tag, in_value)
        self._depth -= 1
        return self._limited(path)

    def _path_of(self, tag: str, in_value: bool) -> str:
        if tag == "C":
            return self._identifier()[0]
        if tag == "N":
            return self._nested(in_value)
        if tag == "I":
            path = self._path(in_value)
            arguments = self._until_e(self._generic_argument)
            return f"{path}{'::' if in_value else ''}<{', '.join(arguments)}>"
        if tag not in "MXY":
            raise _NotRustError
        if tag != "Y":  # the location of the impl block
            self._optional_base_62("s")
            self._path(in_value=False)
        type_name = self._type()
        return f"<{type_name}>" if tag == "M" else f"<{type_name} as {self._path(in_value=False)}>"

    def _nested(self, in_value: bool) -> str:
        namespace = self._take()
        path = self._path(in_value)
        name, disambiguator = self._identifier()
        if namespace.isupper():
            kind = {"C": "closure", "S": "shim"}.get(namespace, namespace)
            return f"{path}::{{{kind}{':' if name else ''}{name}#{disambiguator}}}"
        return f"{path}::{name}" if name else path

    def _until_e(self, item: Callable[[], str]) -> list[str]:
        items = []
        while not self._took("E"):
            items.append(item())
        return items

    def _generic_argument(self) -> str:
        if self._took("L"):
            return self._lifetime(self._base_62())
        if self._took("K"):
            return self._constant()
        return self._type()

    # ---- types

    def _type(self) -> str:
        self._deeper()
        tag = self._take()
        if tag == "B":
            resume = self._back()
            name = self._type()
            self._at = resume
        else:
            name = _BASIC_TYPES.get(tag) or self._type_of(tag)
        self._depth -= 1
        return self._limited(name)

    def _type_of(self, tag: str) -> str:
        if tag in "RQ":
            return self._reference("mut " if tag == "Q" else "")
        if tag in "PO":
            return f"*{'const' if tag == 'P' else 'mut'} {self._type()}"
        if tag == "A":
            return f"[{self._type()}; {self._constant()}]"
        if tag == "S":
            return f"[{self._type()}]"
        if tag == "T":
            items = self._until_e(self._type)
            return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
        if tag == "F":
            return self._with_binder(self._function)
        if tag == "D":
            return self._dynamic()
        self._at -= 1
        return self._path(in_value=False)

    def _reference(self, mutable: str) -> str:
        lifetime = self._lifetime(self._base_62()) if self._took("L") else _ELIDED
        return f"&{'' if lifetime == _ELIDED else lifetime + ' '}{mutable}{self._type()}"

    def _with_binder(self, read: Callable[[], str]) -> str:
        bound = self._optional_base_62("G")
        if bound > 64:
            raise _NotRustError
        self._lifetimes += bound
        names = [self._lifetime(index) for index in range(bound, 0, -1)]
        text = read()
        self._lifetimes -= bound
        return f"for<{', '.join(names)}> {text}" if names else text

    def _lifetime(self, index: int) -> str:
        if index == 0:
            return _ELIDED
        depth = self._lifetimes - index
        if depth < 0:
            raise _NotRustError
        return f"'{chr(ord('a') + depth)}" if depth < 26 else f"'_{depth}"

    def _function(self) -> str:
        head = "unsafe " if self._took("U") else ""
        if self._took("K"):
            abi = "C" if self._took("C") else self._identifier()[0].replace("_", "-")
            head += f'extern "{abi}" '
        arguments = ", ".join(self._until_e(self._type))
        result = self._type()
        return f"{head}fn({arguments})" + (f" -> {result}" if result != "()" else "")

    def _dynamic(self) -> str:
        traits = self._with_binder(lambda: " + ".join(self._until_e(self._trait)))
        if not self._took("L"):
            raise _NotRustError
        lifetime = self._lifetime(self._base_62())
        return f"dyn {traits}" if lifetime == _ELIDED else f"dyn {traits} + {lifetime}"

    def _trait(self) -> str:
        path = self._path(in_value=False)
        bindings = []
        while self._took("p"):
            name, _ = self._identifier()
            bindings.append(f"{name} = {self._type()}")
        if not bindings:
            return path
        joined = ", ".join(bindings)
        return f"{path[:-1]}, {joined}>" if path.endswith(">") else f"{path}<{joined}>"

    # ---- constants

    def _constant(self) -> str:
        self._deeper()
        tag = self._take()
        if tag == "B":
            resume = self._back()
            text = self._constant()
            self._at = resume
        else:
            text = self._constant_of(tag)
        self._depth -= 1
        return self._limited(text)

    def _constant_of(self, tag: str) -> str:
        if tag == "p":
            return "_"
        if tag in _SIGNED + _UNSIGNED:
            negative = "-" if tag in _SIGNED and self._took("n") else ""
            return f"{negative}{int(self._hex() or '0', 16)}"
        if tag == "b":
            return {"0": "false", "1": "true"}.get(self._hex(), "_")
        if tag == "c":
            number = int(self._hex() or "0", 16)
            return repr(chr(number)) if number < 0x110000 else "_"
        if tag == "e":
            return self._string()
        if tag in "RQ":
            return f"{'&mut ' if tag == 'Q' else '&'}{self._constant()}"
        if tag == "A":
            return f"[{', '.join(self._until_e(self._constant))}]"
        if tag == "T":
            items = self._until_e(self._constant)
            return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
        if tag == "V":
            return self._variant()
        raise _NotRustError

    def _hex(self) -> str:
        digits = _run(self._text, self._at, _HEX_DIGITS)
        if not self._text.startswith("_", self._at + len(digits)):
            raise _NotRustError
        self._at += len(digits) + 1
        return digits

    def _string(self) -> str:
        digits = self._hex()
        text = bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits).decode("utf-8")
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def _variant(self) -> str:
        kind = self._take()
        path = self._path(in_value=True)
        if kind == "U":
            return path
        if kind == "T":
            return f"{path}({', '.join(self._until_e(self._constant))})"
        if kind == "S":
            return f"{path} {{ {', '.join(self._until_e(self._field))} }}"
        raise _NotRustError

    def _field(self) -> str:
        name, _ = self._identifier()
        return f"{name}: {self._constant()}"
