"""The mappings of a snapshot, totalled by site.

Mapping ─► a block of its size, part of which is in memory ─► Site ─► rows for users, lines of text
"""

from __future__ import annotations

from spprof.analysis.notes import NOTABLE_BYTES
from spprof.analysis.sample_weights import absent_of, weight
from spprof.analysis.site_table import RESIDENT, SiteTable, own, told_site
from spprof.analysis.sites import Site, SiteKey, Sums, key_of, native_beneath, site_frame, your_line
from spprof.heap.mapped import drawn_at
from spprof.text import amount, human_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from spprof.analysis.paths import ShortPaths
    from spprof.heap.mapped import MappedMemory
    from spprof.results import Mapping
    from spprof.rows import TopMapping

    Row = tuple[SiteKey, Site]


def sums_of(mapping: Mapping) -> Sums:
    """Return a mapping as one block. If its resident size is unknown, treat all of it as resident."""
    found = weight(mapping.size, drawn_at(mapping))
    if mapping.resident_bytes is not None:
        found.sums.absent = absent_of(found, mapping.size, mapping.resident_bytes)
    return found.sums


def ranked(mapped: MappedMemory | None) -> list[Row]:
    """Return every site that has mapped memory, those with the most resident memory first, then by name."""
    sites: dict[SiteKey, Site] = {}
    for one in mapped.mappings if mapped else ():
        site = sites.setdefault(key_of(site_frame(one.stack)), Site())
        site.add_stack(native_beneath(one.stack), your_line(one.stack), sums_of(one))
    return sorted(sites.items(), key=lambda item: (-item[1].resident, -item[1].value, item[0]))


def top(mapped: MappedMemory | None, count: int) -> list[TopMapping]:
    """Return the first ``count`` sites as rows for users."""
    return [
        {
            "kind": "mapped",
            "function": key.function,
            "file": key.file,
            "line": key.line,
            "mapped_bytes": site.value,
            "resident_bytes": site.resident if mapped and mapped.is_resident_known else None,
            "mapping_count": site.objects,
            "native_function": site.native_function,
        }
        for key, site in ranked(mapped)[:count]
    ]


def lines(mapped: MappedMemory, rows: list[Row], paths: ShortPaths, count: int) -> Iterator[str]:
    """Yield one line about all mapped memory, and lines for the first sites; nothing if little memory is mapped."""
    whole = Sums()
    for _, site in rows:
        whole.add(site)
    knows = mapped.is_resident_known
    if whole.resident < NOTABLE_BYTES:
        return
    there = f", {human_bytes(whole.resident)} of it in memory" if knows else ""
    yield (
        f"mapped outside the heap: {human_bytes(whole.value)} in {amount(whole.objects, 'count')} "
        f"{'mapping' if whole.objects == 1 else 'mappings'}{there}"
    )
    table = SiteTable((own("bytes", "mapped"), RESIDENT) if knows else (own("bytes", "mapped"),))
    yield table.headings
    for key, site in rows[:count]:
        yield table.numbers(site) + told_site(key, site, paths)
