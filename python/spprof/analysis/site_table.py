"""The table of top sites, as printed by print(), the command line and the summary of a run.

    rows: (site, its sums, its total) ─► columns of numbers ─► "  estimate   95 % interval  …  " + site

The caller supplies what surrounds the table (the headline, the line for the rest, colours).
"""

from __future__ import annotations

from spprof.analysis.ages import age_text
from spprof.analysis.imports import is_machinery
from spprof.analysis.sites import Site
from spprof.records import NamedTuple
from spprof.text import amount, interval_text, share_text, site_text, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spprof.analysis.paths import ShortPaths
    from spprof.analysis.sites import SiteKey, Sums


class Column(NamedTuple):
    """One column of numbers, with one number per site."""

    heading: str
    width: int
    text: Callable[[Sums, int], str]
    """Formats a site's sums and its total."""

    def cell(self, text: str) -> str:
        return f"{text:>{self.width}}  "


def own(unit: str, heading: str = "own") -> Column:
    """Return the column of the amounts that sites themselves hold or used."""
    return Column(heading, 11, lambda sums, _: amount(sums.value, unit))


def total(unit: str, heading: str = "total") -> Column:
    """Return the column of the amounts that sites hold or used including everything that they call."""
    return Column(heading, 11, lambda _, whole: amount(whole, unit))


def interval(unit: str) -> Column:
    """Return the column of the 95 % interval of ``own``; empty if there is none, or if a site only calls others."""
    return Column("95 % interval", 23, lambda sums, _: _interval_text(sums, unit))


def own_share(whole: int) -> Column:
    """Return the column of ``own`` as a share of the whole."""
    return Column("", 7, lambda sums, _: share_text(sums.value, whole))


def total_share(whole: int) -> Column:
    """Return the column of ``total`` as a share of the whole."""
    return Column("", 7, lambda _, value: share_text(value, whole))


OBJECTS = Column("objects", 10, lambda sums, _: amount(sums.objects, "count"))
RESIDENT = Column("resident", 11, lambda sums, _: amount(sums.resident, "bytes"))
OLDEST = Column("oldest", 8, lambda sums, _: age_text(sums.ages.oldest) if isinstance(sums, Site) else "")
MEDIAN_AGE = Column("median", 8, lambda sums, _: age_text(sums.ages.median) if isinstance(sums, Site) else "")
SAMPLES = Column("samples", 7, lambda sums, _: amount(sums.samples, "count"))


class SiteTable:
    """The numbers of sites in columns. The site itself follows them."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    @property
    def width(self) -> int:
        """Number of characters before the site."""
        return sum(column.width + 2 for column in self._columns)

    @property
    def headings(self) -> str:
        """The line above the rows."""
        return "".join(column.cell(column.heading) for column in self._columns) + "site"

    def numbers(self, sums: Sums, whole: int = 0) -> str:
        """Format the columns before the site, from its sums and from ``whole``, its total."""
        return "".join(column.cell(column.text(sums, whole)) for column in self._columns)


def told_key(key: SiteKey, paths: ShortPaths) -> str:
    """Format the site with its path as short as possible. For the import system's own code, show just the import."""
    if is_machinery(key.file):
        return key.function if key.function.startswith("import") else "import"
    return site_text(key.function, paths.of(key.file), key.line)


def told_site(key: SiteKey, site: Site, paths: ShortPaths) -> str:
    """Format the site; for a library's line, add the program's own line that called it."""
    text, yours = told_key(key, paths), site.your_line
    return text if yours is None else f"{text}, from {told_key(yours, paths)}"


def told_ways(key: SiteKey, site: Site, paths: ShortPaths) -> list[str]:
    """Return the site with decreasing detail: with the native function; as ``told_site`` formats it; alone."""
    text = told_site(key, site, paths)
    native = f" in {visible(site.native_function)}" if site.native_function else ""
    return [text + native, text, told_key(key, paths)]


def rest_line(value: int, sites: int, unit: str) -> str:
    """Format the line for the sites that the table leaves out."""
    return f"{amount(value, unit):>11}  in {sites} more {'site' if sites == 1 else 'sites'}"


def _interval_text(sums: Sums, unit: str) -> str:
    ends = sums.interval()
    return interval_text(ends, unit) if ends and sums.value else ""
