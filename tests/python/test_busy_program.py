"""Every allocation of a busy program is a sample."""

from __future__ import annotations

import pytest
from busy_program import BUSY
from child import Child
from held_stacks import HELD

pytestmark = pytest.mark.long  # the same whichever Python runs it


@pytest.mark.parametrize("preload", [False, True], ids=["python", "preload"])
@pytest.mark.parametrize("allocator", ["default", "debug", "malloc"])
def test_walking_at_every_allocation_of_a_busy_program_is_safe_until_its_very_end(
    child: Child, allocator: str, preload: bool
) -> None:
    """With a daemon thread that is still at it when the interpreter is taken down."""
    (child.folder / "held.py").write_text(HELD, encoding="utf-8")
    (child.folder / "busy.py").write_text(BUSY, encoding="utf-8")
    told = child.run(
        """
        import held
        import busy
        import threading
        held.memprof.start(0)
        threads = [threading.Thread(target=busy.everything) for _ in range(3)]
        for thread in threads: thread.start()
        busy.everything()
        for thread in threads: thread.join()
        def forever():
            while True: busy.everything()
        threading.Thread(target=forever, daemon=True).start()
        busy.everything()
        stats = held.memprof.get_stats()
        assert stats.total_samples > 20000, stats
        print(sum(stats.dropped_samples.values()))
        """,
        preload=preload,
        environment={"PYTHONMALLOC": allocator},
    )
    assert told == "0\n"
