"""Sphinx's settings for the documentation site; tools/documentation.py runs it."""

from __future__ import annotations

import re
from pathlib import Path

import spprof

project = "spprof"
author = "The spprof authors"
project_copyright = "The spprof authors"
release = version = spprof.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
root_doc = "index"
exclude_patterns = ["**/__pycache__"]
language = "en"
nitpicky = True
suppress_warnings = ["myst.header"]  # a page may begin a part with a smaller heading

# ---- Pages

myst_enable_extensions = ["attrs_block", "colon_fence"]
myst_heading_anchors = 6  # the anchors that a forge makes
pygments_style, pygments_dark_style = "default", "monokai"
copybutton_prompt_text = "$ "
copybutton_exclude = ".linenos, .gp, .go"

# ---- The reference from docstrings

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
toc_object_entries_show_parents = "hide"
python_use_unqualified_type_names = True
add_module_names = False
nitpick_ignore_regex = [("py:.*", ".*")]

# ---- How it looks. Fonts are the system's: nothing is loaded from another host

html_theme = "furo"
html_title = f"spprof {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # it would fetch each page, which no browser does from a folder
html_show_sphinx = False
html_theme_options = {"sidebar_hide_name": False, "navigation_with_keys": True}


_PROMISED = {
    word
    for page in ("contracts/python-api.md", "data-model.md")
    for word in re.findall(r"\w+", (Path(__file__).parent / page).read_text(encoding="utf-8"))
}


def setup(app: object) -> None:
    """Connect what changes docstrings on their way."""
    app.connect("autodoc-process-docstring", _with_code_blocks)  # type: ignore[attr-defined]
    app.connect("autodoc-skip-member", _is_internal)  # type: ignore[attr-defined]
    app.connect("autodoc-process-signature", _without_internal_arguments)  # type: ignore[attr-defined]


_CONSTRUCTED = ("spprof.memprof.MemoryProfiler", "spprof.Profiler")
"""The classes that a program calls. Objects of the others are returned by functions."""


def _without_internal_arguments(
    app: object, what: str, name: str, of: object, options: object, arguments: str | None, returned: str | None
) -> tuple[str, str] | None:
    return ("", "") if what == "class" and arguments and name not in _CONSTRUCTED else None


def _is_internal(app: object, what: str, name: str, of: object, skip: bool, options: object) -> bool | None:
    """Leave out members that the hand-written pages do not name."""
    return True if name not in _PROMISED else None


def _with_code_blocks(app: object, what: str, name: str, of: object, options: object, lines: list[str]) -> None:
    """Show what is indented in a docstring as code, which docstrings do not mark for reStructuredText."""
    shown, inside = [], False
    for line in lines:
        indented = line.startswith("    ")
        if indented and not inside and (not shown or not shown[-1]):
            if shown[-2:] == ["::", ""]:
                del shown[-2:]
            shown += [".. code-block:: python", ""]
            inside = True
        elif line and not indented:
            inside = False
        shown.append(line)
    lines[:] = shown
