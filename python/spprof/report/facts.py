"""A report's title, and the facts beneath it, in words."""

from __future__ import annotations

import time

from spprof.analysis.notes import notes_of
from spprof.analysis.residency import size_text
from spprof.pprof.profile import TIMES
from spprof.pprof.resident import residency_of
from spprof.text import amount, sampling_text, visible, whole_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from spprof.pprof.profile import Profile
    from spprof.report.history import Moment

_NOTES = (("script", "program"), ("python", "Python"), ("spprof", "spprof"))


def title_of(profiles: Sequence[Profile]) -> str:
    """Return the kind of profile, and the program's name."""
    latest = profiles[-1]
    kind = "Heap profile" if latest.is_heap else "Profile"
    if not latest.is_heap and latest.time_index >= 0:
        kind = "CPU profile" if latest.sample_types[latest.time_index] == TIMES["cpu"] else "Wall-clock profile"
    script = latest.note("script")
    title = f"{kind} of {visible(script)}" if script else kind
    return f"{title}: what changed" if len(profiles) > 1 else title


def facts_of(profile: Profile) -> list[tuple[str, str]]:
    """Return the facts as pairs of a label and its value, in reading order."""
    facts = [("stacks", str(len({sample.stack for sample in profile.samples})))]
    if (profile.is_heap and profile.period > 0) or profile.period > 1:
        facts.append(("sampled", period_text(profile)))
    peak = whole_number(profile.note("peak_heap_bytes"))
    if peak is not None:
        facts.append(("peak", amount(peak, "bytes")))
    found = residency_of(profile)
    if found is not None:
        facts.append(("in memory", size_text(found)))
    facts += [("note", sentence) for sentence in notes_of(profile).sentences()]
    taken = time_text(profile)
    if taken is not None:
        facts.append(("taken", taken))
    if profile.duration_ns > 0:
        facts.append(("duration", amount(profile.duration_ns, "nanoseconds")))
    texts = ((name, profile.note(key)) for key, name in _NOTES)
    return facts + [(name, visible(text)) for name, text in texts if text]


def series_facts(moments: Sequence[Moment]) -> list[tuple[str, str]]:
    """Return the facts about the series of which the profile is the last snapshot; none if there is no series."""
    if not moments:
        return []
    count, span = len(moments), moments[-1].monotonic_ms - moments[0].monotonic_ms
    return [("series", f"{count:,} snapshots in {amount(span, 'milliseconds')}" if count > 1 else "one snapshot")]


def facts_of_both(old: Profile, new: Profile) -> list[tuple[str, str]]:
    """Return the facts of two profiles: equal facts once, different ones as "old → new"."""
    before, after = dict(facts_of(old)), dict(facts_of(new))
    facts = []
    for key in {**before, **after}:
        texts = before.get(key, "none"), after.get(key, "none")
        facts.append((key, texts[0] if texts[0] == texts[1] else " → ".join(texts)))
    return facts


def time_text(profile: Profile) -> str | None:
    """Return when the profile was taken, in UTC; None if it is unknown or no calendar can represent it."""
    if not profile.time_ns:
        return None
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(profile.time_ns // 10**9))
    except (OverflowError, ValueError, OSError):
        return None


def period_text(profile: Profile) -> str:
    """Return how often a sample was taken, and of what: ``"1 per 512 KiB of space"``, ``"every allocation"``."""
    if profile.is_heap and profile.period == 1:
        return "every allocation"
    return f"{sampling_text(profile.period, profile.period_type.unit)} of {visible(profile.period_type.type or '?')}"
