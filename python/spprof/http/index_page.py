"""The page of links to all paths. Its links keep the token with which the page was requested."""

from __future__ import annotations

from spprof.http.answers import HTML, Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<title>spprof</title>
<h1>spprof</h1>
<table>
{rows}
</table>
<p>POST <code>start?heap=512&amp;cpu=10</code> or <code>stop?heap&amp;cpu</code> to start or stop the profilers.</p>
<script>
const token = new URLSearchParams(location.search).get("token");
for (const link of document.links) {
  if (token) link.search += (link.search ? "&token=" : "?token=") + encodeURIComponent(token);
}
</script>
</html>
"""


def page(mount: str, links: Iterable[tuple[str, str]]) -> Answer:
    """Return the page. ``mount``: prefix of each link, relative to the page's address. ``links``: addresses and their
    descriptions.
    """
    rows = "\n".join(f'<tr><td><a href="{mount}{link}">{link}</a></td><td>{words}</td></tr>' for link, words in links)
    return Answer(200, HTML, _PAGE.replace("{rows}", rows).encode())
