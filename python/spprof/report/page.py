"""The HTML file: the page's own code, the report's data, and a policy that lets nothing else run.

    page.html   with the title, the policy, report.css, the scripts joined in order, the data as base64, and for where
                no script runs the largest sites (leading.py)

The policy admits one script and one style sheet, by their hashes, and no connection, image, font or frame. The data
stands in an element that is not run; base64 has no character by which it could end early.

The page's own files are read when this module is imported: later the program may have changed its root, have no
descriptor left, or another version of this package on disk.
"""

from __future__ import annotations

import errno
import os
import re
from binascii import b2a_base64

from spprof.records import NamedTuple
from spprof.report import leading
from spprof.report.encode import encode
from spprof.report.leading import escaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spprof.report.model import Report

SCRIPTS = ("inflate.js", "data.js", "numbers.js", "tree.js", "sites.js", "graph.js", "words.js", "table.js", "page.js")
"""In the order in which they are joined: each uses what stands before it."""


class _Parts(NamedTuple):
    """What is the same in every file."""

    template: str
    style: str
    script: str
    policy: str


def written(report: Report) -> Iterator[bytes]:
    """The file in pieces, UTF-8. Deterministic: the same report gives the same bytes.

    OSError: the page's own files were not there when this module was imported.
    """
    parts = read_parts()
    contents: dict[str, Callable[[], str]] = {
        "policy": lambda: parts.policy,
        "style": lambda: parts.style,
        "script": lambda: parts.script,
        "title": lambda: escaped(report.title),
        "whole": lambda: leading.whole(report),
        "facts": lambda: leading.facts(report),
        "table": lambda: leading.table(report),
        "data": lambda: b2a_base64(encode(report), newline=False).decode(),
    }
    for at, piece in enumerate(re.split(r"\{(\w+)\}", parts.template)):
        yield (contents[piece]() if at % 2 else piece).encode("utf-8", "backslashreplace")


def read_parts() -> _Parts:
    """What is the same in every file, put together anew each time: it takes a millisecond, and memory to keep."""
    style = _read("report.css")
    script = '"use strict";\n(() => {\n' + "\n".join(map(_read, SCRIPTS)) + "\n})();\n"
    policy = (
        f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return _Parts(_read("page.html"), style, script, policy)


def _read(name: str) -> str:
    if name not in _assets:
        raise OSError(
            errno.ENOENT,
            "this program was frozen without the files of spprof's HTML page; add them (PyInstaller: --collect-data "
            "spprof; Nuitka: --include-package-data=spprof), or save as .pb.gz",
            name,
        )
    return _assets[name].decode("utf-8")


def _asset(name: str) -> bytes:
    """A file of the package, wherever it was imported from. OSError: it is not there."""
    get_data = getattr(__spec__.loader, "get_data", None)
    if get_data is not None:  # of files, archives and frozen programs
        data: bytes = get_data(os.path.join(os.path.dirname(__file__), "assets", name))
        return data
    from importlib import resources

    return resources.files("spprof.report").joinpath("assets").joinpath(name).read_bytes()


def _read_assets() -> dict[str, bytes]:
    """The page's own files; none where one is missing: whatever else the package does needs none."""
    try:
        return {name: _asset(name) for name in ("page.html", "report.css", *SCRIPTS)}
    except Exception:
        return {}


_assets = _read_assets()


def _source(text: str) -> str:
    """How a policy names a script or style by what is in it."""
    return f"'sha256-{b2a_base64(_sha256(text.encode()), newline=False).decode()}'"


def _sha256(content: bytes) -> bytes:
    digest: bytes = _hash(content).digest()
    return digest


try:  # the interpreter's own, which loads no library of cryptography
    from _sha2 import sha256 as _hash  # type: ignore[import-not-found]
except ImportError:
    try:
        from _sha256 import sha256 as _hash  # type: ignore[import-not-found]
    except ImportError:
        from hashlib import sha256 as _hash
