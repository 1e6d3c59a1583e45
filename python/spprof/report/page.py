"""The HTML file: the page's own code, the report's data, and a policy that lets nothing else run.

    page.html   with the title, the policy, the styles and scripts joined in order, the data as base64 and, for viewers
                that run no script, the largest sites (leading.py)

The code that draws a history (``timeline.*``) is only in pages that have one.

The policy admits one script and one style sheet, by their hashes, and no connection, image, font or frame. The data is
in an element that is not executed; base64 contains no character that could end it early.

The page's own files are read when the package is imported (``on_demand``): later, the program may have changed its root
folder or run out of descriptors, or another version of this package may be on disk.
"""

from __future__ import annotations

import errno
import sys
from binascii import b2a_base64

from spprof.on_demand import SCRIPTS, STYLES, asset
from spprof.records import NamedTuple
from spprof.report import leading
from spprof.report.encode import encode
from spprof.report.leading import escaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

    from spprof.report.model import Report


class _Parts(NamedTuple):
    """The parts that are the same in every file."""

    template: str
    style: str
    script: str
    policy: str


def written(report: Report) -> Iterator[bytes]:
    """Yield the file in pieces, as UTF-8. Deterministic: the same report gives the same bytes.

    OSError: the page's own files were missing when the package was imported.
    """
    parts = read_parts(report.history is not None)
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
    for text, name in _pieces(parts.template, contents):
        yield (text + contents[name]() if name else text).encode("utf-8", "backslashreplace")


def _pieces(template: str, names: Container[str]) -> Iterator[tuple[str, str]]:
    """Yield the text before each ``{name}`` in the template, together with that name. The text after the last one gets
    the name "".
    """
    first, *others = template.split("{")
    text = first
    for piece in others:
        name, found, behind = piece.partition("}")
        if found and name in names:
            yield text, name
            text = behind
        else:
            text += "{" + piece
    yield text, ""


def read_parts(has_history: bool = False) -> _Parts:
    """Assemble the parts that are the same in every file. The result is not cached: assembly takes a millisecond, and
    keeping the result would cost memory.
    """
    style = "".join(_read(name) for name in STYLES if has_history or not _is_of_history(name))
    scripts = [_read(name) for name in SCRIPTS if has_history or not _is_of_history(name)]
    script = '"use strict";\n(() => {\n' + "\n".join(scripts) + "\n})();\n"
    policy = (
        f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return _Parts(_read("page.html"), style, script, policy)


def _is_of_history(name: str) -> bool:
    return name.startswith("timeline.")


def _read(name: str) -> str:
    content = asset(name)
    if content is None:
        raise OSError(
            errno.ENOENT,
            "this program was frozen without the files of spprof's HTML page; add them (PyInstaller: --collect-data "
            "spprof; Nuitka: --include-package-data=spprof), or save as .pb.gz",
            name,
        )
    return content.decode("utf-8")


def _source(text: str) -> str:
    """Return the policy's source expression for a script or style: the hash of its content."""
    return f"'sha256-{b2a_base64(_sha256(text.encode()), newline=False).decode()}'"


def _sha256(content: bytes) -> bytes:
    digest: bytes = _hash(content).digest()
    return digest


try:  # the interpreter's own, which loads no cryptography library
    if sys.version_info >= (3, 12):
        from _sha2 import sha256 as _hash
    else:
        from _sha256 import sha256 as _hash  # type: ignore[import-not-found]
except ImportError:
    from hashlib import sha256 as _hash
