"""The page of a series in Chromium: the graph of the heap over time, and the selected time range.

Marked `viewers`, run by `make viewers`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from heaps_over_time import START_NS, HeapsOverTime, random_heaps
from pages import MIB, SMALL, Shown, click_box, names, opened, rows, text
from spprof.analysis.by_site import Tally
from spprof.analysis.sites import SiteKey
from spprof.report.build import report_of
from spprof.report.history import Moment
from spprof.report.model import Report
from spprof.text import human_bytes
from viewers import chromium

pytestmark = pytest.mark.viewers

INVITATION = "Select a time range by dragging or with the arrow keys to see what was allocated in it and is still live."
LIVE = "report.chosen.whole[0].value"


def report_over_time(heaps: HeapsOverTime) -> Report:
    return report_of(heaps.last, moments=heaps.moments())


def clock(snapshot: int) -> str:
    """Return the time of a snapshot."""
    seconds = START_NS // 10**9 % 86400 + 10 * snapshot
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def at_edge(tab: chromium.Tab, edge: int, height: float = 100) -> tuple[float, float]:
    """Return the position of an edge in the window. Edge 0 is before all snapshots; edge n is at the n-th snapshot,
    counted from 1.
    """
    left, top = tab.run("(() => { const { x, y } = timeline.getBoundingClientRect(); return [x, y]; })()")
    return left + tab.run(f"report.timeline.xs[{edge}]"), top + height


def drag(tab: chromium.Tab, start: int, end: int, **options: Any) -> None:
    """Drag from one edge to another, at a height where neither edge has its handle."""
    tab.drag(at_edge(tab, start, 20), at_edge(tab, end, 20), **options)


def still_live(heaps: HeapsOverTime, start: int, end: int) -> dict[str, int]:
    return heaps.by_function(heaps.live(heaps.count - 1, (start, end)))


def own(tab: chromium.Tab) -> dict[str, str]:
    """Return the table as each function and what it holds itself, omitting functions that hold nothing."""
    return {row[-1].split()[1 if row[-1].startswith("⇅") else 0]: row[0] for row in rows(tab) if row[0] != "0 B"}


# ---- Dragging over a range


@pytest.mark.parametrize("edges", [(5, 12), (12, 5), (0, 7), (15, 20), (3, 4)])
def test_dragging_shows_what_was_allocated_in_the_range_and_is_still_live(show: Shown, edges: tuple[int, int]):
    heaps = random_heaps(11)
    tab = opened(show, report_over_time(heaps))
    assert text(tab, "#range-words") == INVITATION
    assert tab.run("document.getElementById('range-all').hidden")
    drag(tab, *edges)
    start, end = sorted(edges)
    wanted = still_live(heaps, start, end)
    live = sum(wanted.values())
    when = f"between {clock(start - 1)} and {clock(end - 1)}" if start else f"before {clock(end - 1)}"
    words = f"Allocated {when} UTC, still live at {clock(19)}: {human_bytes(live)}, exact"
    assert text(tab, "#range-words") == words
    assert tab.run(LIVE) == live
    assert text(tab, "#whole") == f"{human_bytes(live)}in use, allocated {when} UTC, exact"
    assert text(tab, "#graph-title") == f"Flame graph, allocated {when} UTC"
    assert own(tab) == {name: human_bytes(value) for name, value in wanted.items()}
    assert tab.run("report.graph.rows[0][0].call.values[0]") == live
    wide = "report.graph.rows[2].filter((box) => box.call).map((box) => [nameOfBox(box), box.call.values[0]])"
    shown = dict(tab.run(wide))
    assert shown == {name: wanted[name] for name in shown}
    assert max(wanted, key=lambda name: wanted[name]) in shown
    assert tab.run("location.hash") == f"#r={start}-{end}"
    assert tab.complaints() == []


def test_parts_add_up_to_the_whole(show: Shown):
    heaps = random_heaps(12)
    tab = opened(show, report_over_time(heaps))
    whole, parts = tab.run(LIVE), 0
    for start, end in ((0, 6), (6, 7), (7, 20)):
        drag(tab, start, end)
        parts += tab.run(LIVE)
    assert parts == whole == sum(still_live(heaps, 0, 20).values())


def test_a_short_drag_takes_the_time_between_the_two_snapshots_around_it(show: Shown):
    tab = opened(show, report_over_time(random_heaps(11)))
    left, right = at_edge(tab, 8, 20), at_edge(tab, 9, 20)
    third = (right[0] - left[0]) / 3
    tab.drag((left[0] + third / 2, left[1]), (left[0] + third, left[1]))
    assert tab.run("report.choice.range") == [8, 9]


def test_a_click_chooses_nothing(show: Shown):
    tab = opened(show, report_over_time(random_heaps(11)))
    x, y = at_edge(tab, 8, 20)
    tab.drag((x, y), (x + 3, y))
    assert tab.run("report.choice.range") is None
    drag(tab, 3, 9)
    tab.click(*at_edge(tab, 15, 20))
    assert tab.run("report.choice.range") == [3, 9]


def test_while_it_is_dragged_the_words_tell_and_escape_ends_it(show: Shown):
    heaps = random_heaps(11)
    tab = opened(show, report_over_time(heaps))
    drag(tab, 5, 12, drops=False)
    live = sum(still_live(heaps, 5, 12).values())
    assert text(tab, "#range-words").endswith(f"still live at {clock(19)}: {human_bytes(live)}, exact")
    assert text(tab, "#graph-title") == "Flame graph"
    tab.press("Escape")
    assert (text(tab, "#range-words"), tab.run("report.choice.range")) == (INVITATION, None)


def test_an_end_of_the_range_is_dragged_alone(show: Shown):
    tab = opened(show, report_over_time(random_heaps(11)))
    drag(tab, 5, 12)
    tab.drag(at_edge(tab, 12, 85), at_edge(tab, 16, 85))
    assert tab.run("report.choice.range") == [5, 16]
    tab.drag(at_edge(tab, 5, 85), at_edge(tab, 2, 85))
    assert tab.run("report.choice.range") == [2, 16]


def test_dragging_over_everything_is_no_choice(show: Shown):
    tab = opened(show, report_over_time(random_heaps(11)))
    drag(tab, 5, 12)
    drag(tab, 0, 20)
    assert (tab.run("report.choice.range"), text(tab, "#range-words")) == (None, INVITATION)


# ---- Back to everything


def test_the_button_and_escape_lead_back(show: Shown):
    heaps = random_heaps(11)
    tab = opened(show, report_over_time(heaps))
    whole = text(tab, "#whole")
    for back in (lambda: tab.click_on("#range-all"), lambda: tab.press("Escape")):
        drag(tab, 5, 12)
        assert text(tab, "#whole") != whole
        back()
        assert (text(tab, "#whole"), text(tab, "#range-words")) == (whole, INVITATION)
        assert tab.run("[location.hash, document.getElementById('range-all').hidden]") == ["", True]


def test_escape_undoes_the_zoom_first(show: Shown):
    tab = opened(show, report_over_time(random_heaps(11)))
    drag(tab, 5, 12)
    click_box(tab, "serve_0")
    tab.press("Escape")
    assert (tab.run("report.choice.range"), len(names(tab)[2]) > 1) == ([5, 12], True)
    tab.press("Escape")
    assert tab.run("report.choice.range") is None


# ---- By keyboard


def test_both_ends_move_by_keys_and_tell_where_they_are(show: Shown):
    heaps = random_heaps(11)
    tab = opened(show, report_over_time(heaps))
    told = "['from', 'to'].map((end) => document.getElementById('range-' + end).getAttribute('aria-valuetext'))"
    assert tab.run(told)[0] == "before the first snapshot"
    tab.run("document.getElementById('range-from').focus()")
    for key, start in (
        ("ArrowRight", 1),
        ("ArrowUp", 2),
        ("PageUp", 4),
        ("ArrowLeft", 3),
        ("End", 19),
        ("PageDown", 17),
    ):
        tab.press(key)
        assert tab.run("report.choice.range") == [start, 20]
    tab.press("Tab")
    assert tab.run("document.activeElement.id") == "range-to"
    for key, end in (("ArrowLeft", 19), ("ArrowLeft", 18), ("ArrowLeft", 18), ("ArrowRight", 19)):
        tab.press(key)
        assert tab.run("report.choice.range") == [17, end]
    at = heaps.bytes(heaps.live(18)), heaps.rss(18)
    assert tab.run(told)[1] == (
        f"{clock(18)} UTC, heap {human_bytes(at[0])}, RSS {human_bytes(at[1])}, PSS {human_bytes(at[1] - 4096)}"
    )
    assert text(tab, "#tip .name") == f"{clock(18)} UTC"
    live = sum(still_live(heaps, 17, 19).values())
    assert tab.run(LIVE) == live
    assert text(tab, "#spoken") == text(tab, "#range-words")
    now = "['valuemin', 'valuenow', 'valuemax'].map((one) => document.activeElement.getAttribute('aria-' + one))"
    assert tab.run(now) == ["18", "19", "20"]
    tab.press("Escape")
    assert tab.run("report.choice.range") is None


def test_the_ends_are_reached_by_tab_before_the_controls(show: Shown):
    tab = opened(show, report_over_time(random_heaps(11)))
    reached = []
    for _ in range(8):
        tab.press("Tab")
        reached.append(tab.run("document.activeElement.id"))
    assert [name for name in reached if name][:4] == ["theme", "rss", "range-from", "range-to"]


# ---- With other selections


def test_the_intervals_of_a_range_are_those_of_the_estimator(show: Shown):
    heaps = random_heaps(13, rate=512 * 1024, blocks=2000)
    tab = opened(show, report_over_time(heaps))
    drag(tab, 4, 15)
    tally = Tally(heaps.profile(heaps.count - 1, (4, 15)), 3)
    ends = tab.run("report.chosen.whole[0].interval(report.report.sides[0])")
    assert ends == pytest.approx(tally.whole_interval(), rel=1e-4)
    shown = tab.run("report.sites.map((row) => [row.place, row.own[0].value, ...row.own[0].interval()])")
    places = report_over_time(heaps).places
    for place, value, low, high in shown:
        sums = tally.own.get(SiteKey(places[place].function, places[place].file, places[place].line))
        if sums:
            assert (value, low, high) == pytest.approx((sums.value, *sums.interval()), rel=1e-3, abs=100)
    assert len(shown) == len(tally.total)


def test_a_range_of_one_thread_and_of_objects(show: Shown):
    heaps = random_heaps(11)
    tab = opened(show, report_over_time(heaps), fragment="r=5-12")
    tab.run("(() => { threads.value = '1'; threads.dispatchEvent(new Event('change')); })()")
    thread = tab.run("threads.selectedOptions[0].text")
    blocks = [block for block in heaps.live(19, (5, 12)) if block.thread == thread]
    assert tab.run(LIVE) == heaps.bytes(blocks) > 0
    tab.click_on("#measures label:nth-of-type(2) span")
    assert tab.run(LIVE) == len(blocks)
    assert text(tab, "#range-words").endswith(f": {len(blocks)} objects")


def test_what_was_freed_has_no_times_so_it_is_shown_whole(show: Shown):
    tab = opened(show, report_over_time(random_heaps(11)), fragment="r=5-12")
    tab.click_on("#groups label:nth-of-type(2) span")
    assert text(tab, "#whole").endswith("allocated")
    assert (tab.run("report.choice.range"), text(tab, "#range-words")) == (None, INVITATION)
    drag(tab, 5, 12)
    assert text(tab, "#whole").split("in use")[1].startswith(", allocated between")
    assert tab.run("[report.choice.range, report.choice.column]") == [[5, 12], 3]


def test_a_link_leads_to_the_range(show: Shown):
    heaps = random_heaps(11)
    tab = opened(show, report_over_time(heaps), fragment="r=5-12&rss=0")
    assert tab.run(LIVE) == sum(still_live(heaps, 5, 12).values())
    assert tab.run("[document.getElementById('rss').checked, location.hash]") == [False, "#r=5-12&rss=0"]


@pytest.mark.parametrize("fragment", ["r=12-5", "r=5-5", "r=0-20", "r=5-21", "r=-1-5", "r=a-b", "r=5", "r=1e1-12"])
def test_a_wrong_link_chooses_nothing(show: Shown, fragment: str):
    tab = opened(show, report_over_time(random_heaps(11)), fragment=fragment)
    assert (tab.run("report.choice.range"), text(tab, "#range-words")) == (None, INVITATION)


# ---- The graph over time


def outline(tab: chromium.Tab, selector: str) -> list[tuple[float, float]]:
    """Return the corners of a path."""
    path = tab.run(f"document.querySelector('#timeline {selector}').getAttribute('d')")
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.-]+) ([\d.-]+)", path)]


def test_areas_and_lines_are_as_high_as_what_they_stand_for(show: Shown):
    heaps = random_heaps(14, rate=512 * 1024)
    report = report_over_time(heaps)
    tab = opened(show, report)
    assert report.history is not None
    points, count = report.history.points, heaps.count
    zero, mebibyte = tab.run("[report.timeline.y(0), report.timeline.y(1048576)]")

    def heights(corners: list[tuple[float, float]]) -> list[float]:
        return [(zero - y) / (zero - mebibyte) * MIB for _, y in corners]

    near = {"abs": 0.11 / (zero - mebibyte) * MIB}
    assert heights(outline(tab, ".heap")) == pytest.approx([point.bytes for point in points], **near)
    assert heights(outline(tab, ".rss")) == pytest.approx([point.rss_bytes for point in points], **near)
    band = heights(outline(tab, ".band"))
    assert band[:count] == pytest.approx([point.high for point in points], **near)
    assert band[count:][::-1] == pytest.approx([point.low for point in points], **near)
    below = [0.0] * count
    for part in range(9):
        area = heights(outline(tab, f".part-{part}" if part < 8 else ".part-others"))
        above = [low + point.parts[part] for low, point in zip(below, points)]
        assert area[:count] == pytest.approx(above, **near)
        assert area[count:][::-1] == pytest.approx(below, **near)
        below = above
    assert [x for x, _ in outline(tab, ".heap")] == pytest.approx(tab.run("report.timeline.xs.slice(1)"), abs=0.06)


def test_without_rss_the_heap_has_the_whole_height(show: Shown):
    tab = opened(show, report_over_time(random_heaps(11)))
    before = min(y for _, y in outline(tab, ".heap"))
    tab.click_on("#rss")
    assert tab.run("document.querySelector('#timeline .rss')") is None
    assert min(y for _, y in outline(tab, ".heap")) < before
    assert tab.run("location.hash") == "#rss=0"


def test_hovering_tells_the_values_of_the_nearest_snapshot(show: Shown):
    heaps = random_heaps(11)
    tab = opened(show, report_over_time(heaps))
    x, y = at_edge(tab, 8, 60)
    tab.move(x + 3, y)
    live = heaps.by_function(heaps.live(7))
    assert text(tab, "#tip .name") == f"{clock(7)} UTC"
    assert text(tab, "#tip dl") == (
        f"heap{human_bytes(sum(live.values()))}exactRSS{human_bytes(heaps.rss(7))}PSS{human_bytes(heaps.rss(7) - 4096)}"
    )
    parts = tab.run("[...document.querySelectorAll('#tip li')].map((one) => one.innerText)")
    shown = {part.split()[2]: " ".join(part.split()[:2]) for part in parts if "serve" in part}
    assert shown == {name: human_bytes(live[name]) for name in shown}
    assert len(shown) > 3
    tab.move(x, y + 400)
    assert tab.run("document.getElementById('tip').hidden")


def test_the_numbers_are_a_table_too(show: Shown):
    heaps = random_heaps(11)
    tab = opened(show, report_over_time(heaps))
    tab.click_on("#over-time summary")
    tab.wait("document.querySelector('#timeline-numbers tbody')")
    cells = tab.run("[...document.querySelectorAll('#timeline-numbers tr')].map((row) => [...row.cells].map((one) => "
                    "one.innerText))")  # fmt: skip
    assert cells[0][:5] == ["Time (UTC)", "Heap", "95 % interval", "RSS", "PSS"]
    assert len(cells) == 1 + heaps.count
    size = human_bytes(heaps.bytes(heaps.live(7)))
    assert cells[8][:4] == [clock(7), size, f"{size} – {size}", human_bytes(heaps.rss(7))]
    label = tab.run("document.querySelector('#timeline svg').getAttribute('aria-label')")
    assert label.startswith(f"At {clock(0)}: heap {human_bytes(heaps.bytes(heaps.live(0)))}, exact, RSS ")
    assert f"At {clock(19)}: heap {human_bytes(heaps.bytes(heaps.live(19)))}, exact, RSS " in label


def of_times(seconds: list[float]) -> Report:
    """A series whose snapshots were taken at these times after midnight."""
    start_ns = START_NS // (86400 * 10**9) * 86400 * 10**9
    moments = [
        Moment(start_ns + round(at * 1e9), round(at * 1000), MIB, None, {}, None, None) for at in seconds
    ]  # fmt: skip
    return report_of(SMALL, moments=moments)


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        ([0, 0.3, 0.9], ["00:00:00.0", "00:00:00.1"]),
        ([1, 7, 15], ["00:00:02", "00:00:04"]),
        ([3600, 4000, 5000], ["01:00", "01:02"]),
        ([80_000, 90_000, 100_000], ["21 Sep 22:30", "23:00", "22 Sep 00:00", "00:30"]),
        ([0, 86_400 * 9], ["21 Sep", "22 Sep"]),
        ([0, 86_400 * 700], ["13 Dec", "23 Mar"]),
    ],
    ids="fractions seconds minutes midnight days years".split(),
)
def test_ticks_of_the_time_axis_are_round_and_apart(show: Shown, seconds: list[float], wanted: list[str]):
    tab = opened(show, of_times(seconds))
    marks = tab.run("report.timeline.timeMarks()")
    assert [one for one in wanted if one in [text for _, text in marks]] == wanted
    places = [x for x, _ in marks]
    assert len(marks) >= 3
    assert all(right - left > 60 for left, right in zip(places, places[1:]))
    assert tab.complaints() == []


@pytest.mark.parametrize("times", [(-(2**63), 5, 2**63 - 1), (2**63 - 1, -(2**63), 0)], ids=["forward", "back"])
def test_unbelievable_times_and_sizes_are_drawn_nevertheless(show: Shown, times: tuple[int, ...]):
    moments = [
        Moment(time_ns, ms, size, (0, size), {}, rss)
        for time_ns, ms, size, rss in zip(times, (-(2**60), 0, 2**60), (0, 2**62, 1), (0, None, 2**62))
    ]
    tab = opened(show, report_of(SMALL, moments=moments))
    tab.move(*at_edge(tab, 2))
    assert tab.run("document.getElementById('over-time').hidden") is False
    assert "NaN" not in tab.run("document.getElementById('timeline').outerHTML")
    assert tab.complaints() == []


def test_of_one_snapshot_and_of_no_series_there_is_no_picture(show: Shown):
    heaps = random_heaps(11)
    for report in (report_of(heaps.last, moments=heaps.moments()[-1:]), report_of(SMALL)):
        tab = opened(show, report, fragment="r=0-1")
        assert tab.run("[document.getElementById('over-time').hidden, report.choice.range]") == [True, None]


@pytest.mark.parametrize("of", [lambda: report_over_time(random_heaps(11)), lambda: of_times([0, 600])])
def test_a_narrow_window_has_all_of_it(show: Shown, of: Callable[[], Report]):
    tab = opened(show, of(), phone=True)
    assert tab.run("document.documentElement.scrollWidth") == 390
    boxes = tab.run(
        "[...timeline.querySelectorAll('svg, text')].map((one) => { const { left, right } = "
        "one.getBoundingClientRect(); return [one.textContent, left, right]; })"
    )
    frame, *texts = boxes
    assert len(texts) > 4
    assert [one for one in texts if one[1] < frame[1] or one[2] > frame[2]] == []
    assert 0 <= frame[1] < frame[2] <= 390


def test_a_window_that_changes_its_width_is_drawn_anew(show: Shown):
    tab = opened(show, report_over_time(random_heaps(11)), fragment="r=5-12")
    tab.call("Emulation.setDeviceMetricsOverride", width=700, height=900, deviceScaleFactor=1, mobile=False)
    tab.wait("report.timeline.width < 700")
    assert tab.run("Math.max(...report.timeline.xs)") < 700
    drag(tab, 3, 15)
    assert tab.run("report.choice.range") == [3, 15]
