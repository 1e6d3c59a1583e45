"""Stacks without their native frames, for readers who are looking for a line of Python."""

from __future__ import annotations

from spprof.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.pprof.profile import Profile


def without_native(profile: Profile) -> Profile:
    """Return ``profile`` without the native frames of stacks that have Python frames. Memory that native code allocated
    is attributed to the line that called it. Stacks with only native frames stay unchanged.
    """
    is_python = [any(frame.is_python for frame in location.frames) for location in profile.locations]
    if all(is_python):
        return profile
    kept = {
        stack: tuple(place for place in stack if is_python[place]) or stack
        for stack in {sample.stack for sample in profile.samples}
    }
    return replace(profile, samples=[sample._replace(stack=kept[sample.stack]) for sample in profile.samples])
