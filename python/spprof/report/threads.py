"""Threads: the names under which samples are told apart by the thread that took them."""

from __future__ import annotations

from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.pprof.profile import Label

_NAME_KEYS = ("thread_name", "thread name", "thread")
_ID_KEYS = ("thread_id", "thread id")

NO_THREAD = "no thread recorded"


class Threads:
    """Numbers threads in the order of their coming."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._number: dict[str, int] = {}
        self._known: dict[tuple[Label, ...], int] = {}

    def number(self, labels: tuple[Label, ...]) -> int:
        """The thread of a sample with these labels."""
        known = self._known.get(labels)
        if known is None:
            name = name_of_thread(labels)
            known = self._number.setdefault(name, len(self.names))
            if known == len(self.names):
                self.names.append(name)
            self._known[labels] = known
        return known


def name_of_thread(labels: tuple[Label, ...]) -> str:
    """What a reader sees of the thread of a sample with these labels."""
    texts = {label.key: label.text if label.text is not None else str(label.number) for label in labels}
    name = next((texts[key] for key in _NAME_KEYS if texts.get(key)), "")
    number = next((texts[key] for key in _ID_KEYS if texts.get(key)), "")
    if name and number:
        return visible(f"{name} ({number})")
    only = name or number
    return visible(f"thread {only}" if only.isdigit() else only or NO_THREAD)
