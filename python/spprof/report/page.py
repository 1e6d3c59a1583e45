"""The HTML file: the page's own code, the report's data, and a policy that lets nothing else run.

    page.html   with the title, the policy, report.css, the scripts joined in order, and the data as base64

The policy admits one script and one style sheet, by their hashes, and no connection, image, font or frame. The data
stands in an element that is not run; base64 has no character by which it could end early.

The page's own files are read with the package (``on_demand``): later the program may have changed its root, have no
descriptor left, or another version of this package on disk.
"""

from __future__ import annotations

import errno
import sys
from binascii import b2a_base64

from spprof.on_demand import asset
from spprof.records import NamedTuple
from spprof.report.encode import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from spprof.report.model import Report

SCRIPTS = ("data.js", "numbers.js", "tree.js", "sites.js", "graph.js", "words.js", "table.js", "page.js")
"""In the order in which they are joined: each uses what stands before it."""


class _Parts(NamedTuple):
    """What is the same in every file."""

    template: str
    style: str
    script: str
    policy: str


def written(report: Report) -> Iterator[bytes]:
    """The file in pieces, UTF-8. Deterministic: the same report gives the same bytes.

    OSError: the page's own files were not there when the package was imported.
    """
    parts = read_parts()
    head, tail = parts.template.split("{data}")
    head = head.replace("{policy}", parts.policy).replace("{style}", parts.style)
    yield head.replace("{title}", escaped(report.title)).encode("utf-8", "backslashreplace")
    yield b2a_base64(encode(report), newline=False)
    yield tail.replace("{script}", parts.script).encode()


def escaped(text: str) -> str:
    """``text`` as it stands in HTML, in attributes too; ``html`` has this, and imports a table of all entities."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#x27;")):
        text = text.replace(character, entity)
    return text


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
    """How a policy names a script or style by what is in it."""
    return f"'sha256-{b2a_base64(_sha256(text.encode()), newline=False).decode()}'"


def _sha256(content: bytes) -> bytes:
    digest: bytes = _hash(content).digest()
    return digest


try:  # the interpreter's own, which loads no library of cryptography
    if sys.version_info >= (3, 12):
        from _sha2 import sha256 as _hash
    else:
        from _sha256 import sha256 as _hash  # type: ignore[import-not-found]
except ImportError:
    from hashlib import sha256 as _hash
