"""The HTML file: the page's own code, the report's data, and a policy that lets nothing else run.

    page.html   with the title, the policy, report.css, the scripts joined in order, and the data as base64

The policy admits one script and one style sheet, by their hashes, and no connection, image, font or frame. The data
stands in an element that is not run; base64 has no character by which it could end early.
"""

from __future__ import annotations

import base64
import hashlib
import html
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from spprof.report.encode import encode

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
    """The file in pieces, UTF-8. Deterministic: the same report gives the same bytes."""
    parts = read_parts()
    head, tail = parts.template.split("{data}")
    head = head.replace("{policy}", parts.policy).replace("{style}", parts.style)
    yield head.replace("{title}", html.escape(report.title)).encode("utf-8", "backslashreplace")
    yield base64.b64encode(encode(report))
    yield tail.replace("{script}", parts.script).encode()


@lru_cache(maxsize=1)
def read_parts() -> _Parts:
    """Read the page's template, style and scripts, once."""
    style = _read("report.css")
    script = '"use strict";\n(() => {\n' + "\n".join(map(_read, SCRIPTS)) + "\n})();\n"
    policy = (
        f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return _Parts(_read("page.html"), style, script, policy)


def _read(name: str) -> str:
    return resources.files("spprof.report").joinpath("assets").joinpath(name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """How a policy names a script or style by what is in it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
