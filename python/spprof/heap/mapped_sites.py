"""The mappings of a snapshot, summed up by site."""

from __future__ import annotations

from spprof.analysis.sites import SiteKey, key_of, native_beneath, site_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from spprof.results import Mapping
    from spprof.rows import TopMapping


class MappedSite:
    """What one site has mapped. What is listed with a probability stands for more of its like."""

    def __init__(self) -> None:
        self.bytes = 0.0
        self.resident: float | None = 0.0
        """None: it is not known of all."""
        self.count = 0.0
        self._natives: dict[str, float] = {}

    def add(self, mapping: Mapping) -> None:
        self.bytes += mapping.size / mapping.probability
        self.count += 1.0 / mapping.probability
        if mapping.resident_bytes is None:
            self.resident = None
        elif self.resident is not None:
            self.resident += mapping.resident_bytes / mapping.probability
        native = native_beneath(mapping.stack)
        if native is not None:
            self._natives[native] = self._natives.get(native, 0.0) + mapping.size

    @property
    def native_function(self) -> str | None:
        """The native function that mapped most beneath the line; None where the line itself did."""
        natives = self._natives
        return max(natives, key=lambda name: (natives[name], name)) if natives else None

    @property
    def held(self) -> float:
        """By which sites are compared: what is in memory, if it is known."""
        return self.bytes if self.resident is None else self.resident


def by_site(mappings: Iterable[Mapping]) -> list[tuple[SiteKey, MappedSite]]:
    """Every site that has mapped memory, the largest first, then by name."""
    sites: dict[SiteKey, MappedSite] = {}
    for mapping in mappings:
        sites.setdefault(key_of(site_frame(mapping.stack)), MappedSite()).add(mapping)
    return sorted(sites.items(), key=lambda item: (-item[1].held, -item[1].bytes, item[0]))


def top(mappings: Iterable[Mapping]) -> list[TopMapping]:
    """The same as rows for users."""
    return [
        {
            "kind": "mapped",
            "function": key.function,
            "file": key.file,
            "line": key.line,
            "mapped_bytes": round(site.bytes),
            "resident_bytes": None if site.resident is None else round(site.resident),
            "mapping_count": round(site.count),
            "native_function": site.native_function,
        }
        for key, site in by_site(mappings)
    ]
