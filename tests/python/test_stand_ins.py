"""The package's replacements for standard modules that are too slow to import, compared with those modules."""

from __future__ import annotations

import copy
import functools
import json
import pickle
import random
import re
from typing import Any, NamedTuple

import pytest
from spprof import json_text, records
from spprof.analysis import imports, libraries, paths, sites
from spprof.cli import run
from spprof.cli.settings import Launch, Settings, launch_of
from spprof.cpu_time import decorator
from spprof.pprof.profile import Profile
from spprof.report import sources
from spprof.symbolize import cplusplus, demangle, interpreter_frames, rust

ROUNDS = 20_000


def made_of(pieces: list[str], most: int, seed: int) -> list[str]:
    """Return random texts, each made of some of the pieces."""
    draw = random.Random(seed)
    return ["".join(draw.choices(pieces, k=draw.randint(0, most))) for _ in range(ROUNDS)]


# ---- Patterns

FOLDERS = "/ /usr /lib /lib64 /site-packages/ /dist-packages/ /python3. 11 1 x / <frozen /usr/local/go/src/".split(" ")
FOLDERS += [
    " ",
    "/bin/",
    "/lib/rustlib/",
    "/pkg/mod/",
    "/vendor/",
    "/.cargo/registry/",
    "/node_modules/",
    "site-packages",
    ".",
]
INSTALLED = re.compile(r"/(?:site|dist)-packages/([^/]+)")
STANDARD = re.compile(r"/lib(?:64)?/python3\.\d+/|^<frozen |/usr/local/go/src/|/lib/rustlib/")
FOREIGN = re.compile(r"^/usr/|/bin/[^/.]+$|^/lib|/pkg/mod/|/vendor/|/\.cargo/registry/|/node_modules/")
MACHINERY = re.compile(
    r"^<frozen importlib\._bootstrap(?:_external)?>$|/importlib/(?:_bootstrap(?:_external)?|__init__)\.py$"
)
EXTENSION = re.compile(r"^(.*?)(?:\.cpython-3\d+[^/]*|\.abi3)?\.so$")
SHORTENED = (
    re.compile(r"^.*/lib(?:64)?/(?=python3\.\d+/)"),
    re.compile(r"^.*/(?=(?:Include|Modules|Objects|Parser|Programs|Python)/(?:[\w-]+/)*[\w.-]+\.[ch]$)"),
)


def test_files_are_of_libraries_as_patterns_have_it() -> None:
    for file in [*made_of(FOLDERS, 6, 1), "/lib/python3.11x/a", "/site-packages//site-packages/b"]:
        installed = INSTALLED.search(file)
        assert libraries.installed_part(file) == (installed and installed[1]), file
        assert bool(libraries.installed_paths(file)) == bool(installed), file
        assert libraries.is_standard(file) == bool(STANDARD.search(file)), file
        assert libraries.is_library(file) == bool(installed or STANDARD.search(file) or FOREIGN.search(file)), file


def test_paths_are_shortened_as_patterns_have_it() -> None:
    pieces = [
        "/lib/",
        "/lib64/",
        "python3.",
        "11/",
        "/Objects/",
        "Modules/",
        "Python/",
        "a-b/",
        "x.c",
        ".h",
        "a",
        "/",
        ".",
    ]
    for file in made_of([*pieces, "Include", " ", "é", ".c"], 8, 12):
        expected = next((file[found.end() :] for one in SHORTENED if (found := one.match(file))), file)
        assert paths.ShortPaths([]).of(file) == expected, file


def test_imports_are_named_as_patterns_have_it() -> None:
    pieces = [
        "<frozen ",
        "importlib._bootstrap",
        "_external",
        ">",
        "/",
        "importlib",
        "__init__",
        ".py",
        "a",
        "/importlib/",
    ]
    for file in made_of(pieces, 6, 13):
        assert imports.is_machinery(file) == bool(MACHINERY.search(file)), file
    for path in made_of(["a", "/", ".cpython-3", "11", "-x", ".abi3", ".", "b"], 6, 14):
        found = EXTENSION.match(f"{path}.so")
        if found and not re.search(r"\.cpython-3(?!\d)", path) and "cpython" not in path.rpartition("/")[0]:
            assert imports._without_tag(path) == found[1], path
    names = {
        "/usr/lib/python3.11/lib-dynload/_json.cpython-311-x86_64-linux-gnu.so": "_json",
        "/usr/lib/python3.11/json/__init__.py": "json",
        "/x/site-packages/a/site-packages/b/c.abi3.so": "b.c",
        "/x/app.pyz/y/z.py": "y.z",
        "/x/a.zip/b.egg/c.py": "c",
        "<frozen zipimport>": "zipimport",
        "/home/me/own.py": "own",
    }
    folding = imports._Folding(Profile(sample_types=()))
    assert {file: folding._name_of(file) for file in names} == names


def test_encodings_are_declared_as_a_pattern_has_it() -> None:
    pattern = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
    for line in made_of(["#", " ", "\t", "coding", ":", "=", "latin-1", "x", "_8.", "!"], 8, 15):
        found = pattern.match(line.encode())
        assert sources._coding_of(line.encode()) == (found[1].decode() if found else ""), line


def test_more_files_than_are_kept_are_told_apart() -> None:
    files = [f"{folder}/{number}" for number in range(5000) for folder in ("/usr/lib", "/app")]
    assert [libraries.is_library(file) for file in files] == [file.startswith("/usr") for file in files]


def test_allocators_are_told_by_their_names_as_a_pattern_has_it() -> None:
    pattern = re.compile(r"alloc|^operator new|GC_New|UserNEW|^__rust_|strn?dup", re.IGNORECASE)
    pieces = ["alloc", "AL", "loc", "operator ", "new", "New", "GC_", "User", "__rust_", "str", "n", "dup", "x", " "]
    for name in made_of(pieces, 5, 2):
        assert sites._hands_on(name) == bool(pattern.search(name)), name


def test_the_interpreters_functions_are_told_as_patterns_have_it() -> None:
    slot = re.compile(r"(?:_Py_)?slot_(?:am|bf|mp|nb|sq|tp)_\w+|wrap_\w+")
    operation = re.compile(r"_?PyNumber_\w+")
    launcher = re.compile(r"python(?:\d+(?:\.\d+)?\w*)?")
    libc = re.compile(r"(?:libc|libpthread)(?:\.so\.|-2\.)[\d.]*(?:so)?")
    names = ["_Py_", "slot_", "am_", "tp", "_", "wrap_", "PyNumber_", "x", ".", "é", "1"]
    for name in made_of(names, 5, 3):
        expected = slot.fullmatch(name) or operation.fullmatch(name)
        assert interpreter_frames._goes_by_beginning(name) == bool(expected), name
    files = ["python", "lib", "c", "pthread", ".so.", ".so", "so", "-2.", "3", "1", ".", "d", "_"]
    for name in made_of(files, 6, 4):
        assert interpreter_frames._is_launcher(name) == bool(launcher.fullmatch(name)), name
        assert interpreter_frames._is_libc(name) == bool(libc.fullmatch(name)), name


def test_clones_suffixes_end_as_a_pattern_has_it() -> None:
    words = "constprop|part|isra|cold|lto_priv|localalias|unlikely|hot|llvm|specialized|__uniq"
    pattern = re.compile(rf"\.(?:{words})(?:\.[0-9a-fA-F]+)*$")

    def without(name: str) -> str:
        while (shorter := pattern.sub("", name)) != name and shorter:
            name = shorter
        return name

    for name in made_of([*(f".{word}" for word in words.split("|")), ".0", ".fA", ".", "x", "cold", ".x"], 6, 5):
        assert demangle._without_clones(name) == without(name), name


OPERATOR = re.compile(
    r"operator(?P<sign>\(\)|\[\]|<=>|->\*?|<<=?|>>=?|&&|\|\||\+\+|--|,|[-+*/%^&|~!=<>]=?)"
    r"|operator(?P<word> (?:new|delete)(?:\[\])?| co_await|\"\" ?\w+)"
    r"|operator(?P<type> )"
)
QUALIFIERS = re.compile(r"(?: const\b| volatile\b| &&?| noexcept\b| requires .*|\[abi:\w+\]| ?\[clone [^]]*\])*")


def test_cplusplus_is_read_as_patterns_have_it() -> None:
    signs = [*"()[]<>-*+&|,/%^~!= ", " new", " delete", "[]", " co_await", '""', "_x", "é"]
    for rest in made_of(signs, 4, 6):
        text = f"operator{rest}"
        found = OPERATOR.match(text)
        assert cplusplus._operator_end(text, 0) == (found.end() if found else 0), text
    words = " const, volatile, &, noexcept, requires ,[abi:,[clone ,],x, ,&,cxx11".split(",")
    for text in made_of(words, 6, 7):
        found = QUALIFIERS.match(text)
        assert found is not None
        assert cplusplus._qualifiers_end(text, 0) == found.end(), text
    for text in made_of(["a", "::", "*", "&", "(", "<", " "], 6, 8):
        assert cplusplus._behind_stars(text) == re.sub(r"^[^(<]*?[*&]+", "", text), text


def test_rust_is_read_as_patterns_have_it() -> None:
    escape = re.compile(r"\$(?:(SP|BP|RF|LT|GT|LP|RP|C)|u([0-9a-f]{1,6}))\$|\.\.")

    def meaning(found: re.Match[str]) -> str:
        name, code = found.groups()
        if name:
            return rust._ESCAPED[name]
        if code is None:
            return "::"
        return chr(int(code, 16)) if int(code, 16) < 0x110000 else found.group()

    pieces = ["$", "LT", "C", "u", "20", "1f600", "110000", "G", ".", "..", "x", "_$", "0"]
    for part in made_of(pieces, 8, 9):
        plain = part[1:] if part.startswith("_$") else part
        assert rust._unescaped(part) == escape.sub(meaning, plain), part
    for part in made_of(["h", "0123456789abcde", "f", "g", "F"], 3, 10):
        assert rust._is_hash(part) == bool(re.fullmatch(r"h[0-9a-f]{16}", part)), part


# ---- Options

WRITTEN = "-o --output -f --force --rate-kb --rate-kb=64 --budget --budget=0.1 --every --cpu --cpu=5 --wall".split()
WRITTEN += "--native --no-heap --after --for --for=1 x.gz 10 5. 0.5 -1 nan x --help --out -of --rate -- =".split()
WRITTEN += "1_0 --wall=1 --output=".split()


def test_options_are_read_as_argparse_reads_them(capsys: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(11)
    plain = 0
    for _ in range(3000):
        words, _ = run._split(draw.choices(WRITTEN, k=draw.randint(0, 5)))
        found = run._plainly_parsed(words)
        if found is not None:
            plain += 1
            assert vars(found) == vars(run._parser().parse_args(words, run.Arguments())), words
    assert plain > 300
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "words",
    [
        "",
        "-f -o x.pb.gz --rate-kb 64 --budget 0.1 --every 1",
        "-o x/ --every 1 --keep 60",
        "--output=x.html --force --cpu --native",
        "--cpu 5 --no-heap --after 1 --for=2 --wall",
    ],
)
def test_usual_options_need_no_argparse(words: str) -> None:
    assert run._plainly_parsed(words.split()) is not None


def test_settings_come_through_as_they_are() -> None:
    odd = "a b'\"\n\udce9é\U0001f600\\"
    settings = Settings(
        odd, 512, None, "", 0.1, "cpu", False, 1e6, 60, 0.01, 0.0, odd, 5, True, odd, 1 << 30, 80.5, 12, True
    )
    launch = Launch(tuple(settings), "code", odd, ["-X", odd], odd, False, odd)
    assert launch.argument.isascii()
    assert launch_of(launch.argument) == launch
    assert Settings(*launch_of(launch.argument).settings) == settings


# ---- Records


class Theirs(NamedTuple):
    """A record."""

    a: int
    b: str = "b"

    @property
    def both(self) -> str:
        return f"{self.a}{self.b}"


class Ours(records.NamedTuple):
    """A record."""

    a: int
    b: str = "b"

    @property
    def both(self) -> str:
        return f"{self.a}{self.b}"


def told(work: Any) -> Any:
    """Return the result of a call, or the type of the exception that it raises."""
    try:
        return work()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize(
    "use",
    [
        lambda kind: tuple(kind(1)),
        lambda kind: tuple(kind(1, b="c")),
        lambda kind: kind(),
        lambda kind: kind(1, 2, 3),
        lambda kind: kind(1, c=2),
        lambda kind: repr(kind(1)).partition("(")[2],
        lambda kind: kind(1)._asdict(),
        lambda kind: tuple(kind(1)._replace(a=5)),
        lambda kind: kind(1)._replace(c=5),
        lambda kind: tuple(kind._make([3, 4])),
        lambda kind: kind._make([3]),
        lambda kind: (kind._fields, kind._field_defaults, kind.__match_args__, kind.__slots__, kind.__doc__),
        lambda kind: (kind(1).a, kind(1).both, kind(1) == (1, "b"), hash(kind(1)) == hash((1, "b"))),
        lambda kind: (copy.copy(kind(1)) == kind(1), pickle.loads(pickle.dumps(kind(1))) == kind(1)),
        lambda kind: (type(copy.copy(kind(1))) is kind, type(pickle.loads(pickle.dumps(kind(1)))) is kind),
        lambda kind: setattr(kind(1), "a", 2),
        lambda kind: setattr(kind(1), "other", 2),
        lambda kind: (kind.a.__doc__, kind.__module__, kind.__new__.__defaults__),
    ],
)
def test_named_tuples_are_as_those_of_typing(use: Any) -> None:
    assert told(lambda: use(Ours)) == told(lambda: use(Theirs))


def test_what_is_suppressed_is_of_the_kinds_named() -> None:
    with records.suppress(KeyError, OSError):
        raise FileNotFoundError
    with pytest.raises(ZeroDivisionError), records.suppress(KeyError):
        1 / 0  # noqa: B018
    with records.suppress():
        pass


def test_decorated_functions_are_dressed_as_functools_does_it() -> None:
    def original(a: int) -> str:
        """Words."""
        return str(a)

    original.extra = 1  # type: ignore[attr-defined]
    for function in (original, functools.partial(original, 1), Ours(1)):
        ours, theirs = decorator._wraps(function)(lambda: 1), functools.wraps(function)(lambda: 1)
        assert vars(ours) == vars(theirs)
        for name in ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__", "__type_params__"):
            assert told(lambda: getattr(ours, name)) == told(lambda: getattr(theirs, name)), name  # noqa: B023


def test_json_is_as_that_of_json() -> None:
    document = {"a": [1, -2.5, 1e300, None, True, float("nan"), 'é\udce9"\\\n<'], "b": {"c": (), "d": {}}, "": []}
    assert json_text.encoded(document) == json.dumps(document, separators=(",", ":")).encode()
    with pytest.raises(TypeError, match="object cannot be written as JSON"):
        json_text.encoded({"a": object()})
