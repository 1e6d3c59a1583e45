"""The page's folded runs, the callers and callees of one function, and the source lines, in Chromium.

Marked `viewers`, run by `make viewers`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from naive_heap import native_frame, python_frame, random_heap
from pages import DECODE, LOAD, MAIN, MIB, SERVE, SMALL, Shown, click_box, heap, names, opened, sample
from pages import text as text_of
from spprof.analysis import ages
from spprof.analysis.by_site import Tally
from spprof.heap.to_pprof import profile_of
from spprof.pprof.profile import HEAP_TYPES, Label, Location, Profile
from spprof.pprof.resident import Residency, comments, parts_of
from spprof.report.build import difference_of, report_of
from spprof.report.model import Excerpt, Report
from spprof.results import ResidentMemory
from test_report import HOSTILE
from viewers import chromium

pytestmark = pytest.mark.viewers

LIBRARY = "/v/lib/python3.12/site-packages/django/handler.py"
FRAMEWORK = [python_frame(f"step{at}", at + 1, LIBRARY) for at in range(12)]


def frames_and(*others: Any) -> list[Location]:
    return [Location((frame,), -1, 0) for frame in (*FRAMEWORK, *others)]


def served(*samples: Any) -> Profile:
    """Return a profile with twelve frames of a framework, 0 to 11, above MAIN 12, SERVE 13, LOAD 14 and DECODE 15."""
    return Profile(
        HEAP_TYPES, frames_and(MAIN, SERVE, LOAD, DECODE), list(samples), default_type="inuse_space", period=1
    )


ALL_STEPS = tuple(range(11, -1, -1))


def written_on(tab: chromium.Tab) -> list[str]:
    """Return the texts written to the canvas since WATCH ran."""
    return list(tab.run("window.written"))


WATCH = """
window.written = [];
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
  window.written.push(text);
  return fillText.call(this, text, ...rest);
};
"""


def shown_texts(tab: chromium.Tab) -> list[str]:
    """Return the texts that a redraw of the graph writes."""
    tab.run("(() => { window.written = []; report.drawAll(); })()")
    return written_on(tab)


# ---- Folding


def test_frames_common_to_all_stacks_are_one_row_that_unfolds_and_folds_again(show: Shown):
    profile = served(sample((13, *ALL_STEPS), 3, "main"), sample((14, *ALL_STEPS), 4, "main"))
    tab = opened(show, report_of(profile), before=WATCH)
    assert [len(row) for row in names(tab)] == [1, 1, 1, 2]
    assert shown_texts(tab)[:4] == ["all", "▸ 11 frames common to all stacks", "step0 … step10", "step11"]
    assert not tab.run("fold.closest('label').hidden")
    click_box(tab, "step10")
    assert [row[0] for row in names(tab)] == ["all", *(f"step{at}" for at in range(12)), "load"]
    assert text_of(tab, "#details .name") == "step0"
    assert "Unfolded" in text_of(tab, "#spoken")
    tab.click_on("#fold")
    tab.click_on("#fold")
    assert [len(row) for row in names(tab)] == [1, 1, 1, 2]


def test_a_folded_row_unfolds_by_keyboard_and_is_walked_through(show: Shown):
    profile = served(sample((13, *ALL_STEPS), 3, "main"), sample((14, *ALL_STEPS), 4, "main"))
    tab = opened(show, report_of(profile))
    tab.run("graph.focus()")
    tab.press("ArrowDown")
    assert text_of(tab, "#details .name") == "11 frames common to all stacks"
    assert text_of(tab, "#details .file") == "step0 … step10"
    assert text_of(tab, "#spoken").startswith("11 frames common to all stacks, step0 … step10; 7.0 MiB; ")
    tab.press("ArrowDown")
    assert text_of(tab, "#details .name") == "step11"
    tab.press("ArrowUp")
    tab.press("ArrowUp")
    tab.press("ArrowDown")
    tab.press("Enter")
    assert len(names(tab)) == 14
    assert text_of(tab, "#details .name") == "step0"


def test_not_folding_is_kept_in_the_address(show: Shown):
    profile = served(sample((13, *ALL_STEPS), 3, "main"), sample((14, *ALL_STEPS), 4, "main"))
    tab = opened(show, report_of(profile), fragment="f=0")
    assert (len(names(tab)), tab.run("fold.checked")) == (14, False)
    tab.click_on("#fold")
    assert (len(names(tab)), tab.run("location.hash")) == (4, "")
    tab.click_on("#fold")
    assert (len(names(tab)), tab.run("location.hash")) == (14, "#f=0")


def test_a_link_into_a_folded_row_unfolds_it(show: Shown):
    profile = served(sample((13, *ALL_STEPS), 3, "main"), sample((14, *ALL_STEPS), 4, "main"))
    tab = opened(show, report_of(profile), fragment="f=0")
    click_box(tab, "step4")
    fragment = tab.run("location.hash.slice(1)").replace("f=0&", "")
    tab.close()
    tab = opened(show, report_of(profile), fragment=fragment)
    assert text_of(tab, "#details .name") == "step4"
    assert [row[0] for row in names(tab)][4:6] == ["step3", "step4"]


def test_what_half_a_percent_does_not_share_is_still_called_common(show: Shown):
    rest = sample((12,), 3, "main")
    profile = served(sample((13, *ALL_STEPS), 400, "main"), sample((14, *ALL_STEPS), 597, "main"), rest)
    tab = opened(show, report_of(profile), before=WATCH)
    assert "▸ 11 frames common to 99.7 % of all" in shown_texts(tab)
    profile = served(sample((13, *ALL_STEPS), 400, "main"), sample((14, *ALL_STEPS), 590, "main"), rest, rest, rest)
    tab.close()
    tab = opened(show, report_of(profile), before=WATCH)
    assert not [text for text in shown_texts(tab) if "common" in text]


def test_a_folded_row_is_as_wide_as_the_first_of_its_calls(show: Shown):
    left = sample((14, *range(5, -1, -1)), 3, "main")
    tab = opened(show, report_of(served(sample((13, *ALL_STEPS), 400, "main"), sample(ALL_STEPS, 597, "main"), left)))
    widths = tab.run("report.graph.rows.map(([box]) => Math.round(1000 * (box.right - box.left) / report.graph.width))")
    assert widths == [1000, 1000, 997, 400]


def test_a_run_of_library_calls_is_one_row_wherever_it_is(show: Shown):
    profile = served(sample((13, *ALL_STEPS, 12), 3, "main"), sample((15, 12), 4, "main"))
    tab = opened(show, report_of(profile), before=WATCH)
    assert names(tab) == [["all"], ["main"], ["decode", "step11"], ["serve"]]
    assert {"▸ step0 … step11", "12 library frames"} <= set(shown_texts(tab))
    assert tab.run("report.graph.rows[2].map((box) => Math.round(box.right - box.left))")[1] > 400


def test_my_own_call_stays_where_all_stacks_end_in_a_library(show: Shown):
    chain = (11, 10, 9, 8, 7, 6, 13, 5, 4, 3, 2, 1, 0)  # the program's own line is in the middle
    tab = opened(show, report_of(served(sample(chain, 3, "main"))))
    assert [row[0] for row in names(tab)] == ["all", "step5", "serve", "step11"]


def test_a_deep_recursion_opens_on_its_end(show: Shown):
    profile = heap(sample((2,) * 20_000, 1, "main"))
    tab = opened(show, report_of(profile))
    assert [row[0] for row in names(tab)] == ["all", "load", "load"]
    assert text_of(tab, "#details .name") == "Largest site: load"


def test_a_search_marks_the_row_that_what_is_found_is_folded_in(show: Shown):
    profile = served(sample((13, *ALL_STEPS), 3, "main"), sample((14, *ALL_STEPS), 4, "main"))
    tab = opened(show, report_of(profile), fragment="q=step4")
    pixel = "[...report.graph.pen.getImageData(900, 21 * {} + 3, 1, 1).data]"
    assert tab.run(pixel.format(1)) == [0xFF, 0xD2, 0x4A, 255]
    assert tab.run(pixel.format(2)) != [0xFF, 0xD2, 0x4A, 255]


def test_sums_of_folded_rows_are_those_of_unfolded_ones(show: Shown):
    stacks = {1: (LOAD, *FRAMEWORK[::-1], MAIN), 2: (native_frame("inflate"), DECODE, *FRAMEWORK[5::-1], MAIN)}
    profile = profile_of(random_heap(5, stacks).snapshot())
    sums = "report.graph.rows.flat().filter((box) => box.call && box.call.row > 0).map((box) => [nameOfBox(box), "
    sums += "report.tree.sums(box.call)[0].value, Math.round(box.right)])"
    tab = opened(show, report_of(profile))
    folded = tab.run(sums)
    tab.click_on("#fold")
    unfolded = tab.run(sums)
    assert len(folded) < len(unfolded)
    assert [row for row in folded if row not in unfolded] == []


def test_a_difference_folds_too(show: Shown):
    old = served(sample((13, *ALL_STEPS), 3, "main"), sample((14, *ALL_STEPS), 4, "main"))
    new = served(sample((13, *ALL_STEPS), 9, "main"), sample((14, *ALL_STEPS), 4, "main"))
    tab = opened(show, difference_of(old, new, ["a", "b"]))
    assert [len(row) for row in names(tab)] == [1, 1, 1, 2]
    assert text_of(tab, "#details .name") == "Largest site: serve"
    assert "+6.0 MiB" in text_of(tab, "#details")


# ---- Callers and callees

AROUND = heap(
    sample((3, 2, 0), 4, "main"),  # main → load → decode
    sample((2, 0), 1, "main"),
    sample((3, 2, 1), 2, "worker"),  # serve → load → decode
    sample((2, 2, 1), 3, "worker"),  # serve → load → load
    sample((1, 0), 5, "main"),
)


def halves(tab: chromium.Tab) -> list[list[list[object]]]:
    """Return the callers and the callees as rows with their names and MiB."""
    half = "report.{}.rows.map((row) => row.map((box) => [nameOfBox(box), box.call.values[0] / 1048576]).flat())"
    return [list(tab.run(half.format(which).replace("nameOfBox(box)", NAME))) for which in ("upper", "graph")]


NAME = "report.report.place.functions[box.call.place]"


def test_a_functions_callers_are_above_it_and_its_callees_beneath(show: Shown):
    tab = opened(show, report_of(AROUND))
    tab.click_on("#rows tr:has([title='Find it in the graph']) .around")
    assert text_of(tab, "#graph-title").startswith("Callers and callees of ")
    tab.close()
    tab = opened(show, report_of(AROUND), fragment=f"w={places(AROUND).index('load'):x}")
    assert halves(tab) == [
        [["load", 10], ["main", 5, "serve", 5]],
        [["load", 10], ["decode", 6, "load", 3]],
    ]
    assert tab.run("report.upper.rows[0][0].call.width === report.graph.rows[0][0].call.width")
    details = text_of(tab, "#details")
    assert "10.0 MiB" in details
    assert "66.7 % of all" in details


def places(profile: Profile) -> list[str]:
    return [place.function for place in report_of(profile).places]


def test_callers_grow_upwards_and_keys_follow(show: Shown):
    tab = opened(show, report_of(AROUND), fragment=f"w={places(AROUND).index('load'):x}")
    tab.run("callers.focus()")
    tab.press("ArrowUp")
    assert text_of(tab, "#details .name") == "main"
    assert "50.0 % of load" in text_of(tab, "#details")
    tab.press("ArrowRight")
    assert text_of(tab, "#details .name") == "serve"
    tab.press("ArrowDown")
    assert text_of(tab, "#details .name") == "load"
    place = tab.run("(() => { const at = report.upper.canvas.getBoundingClientRect(), { upper } = report; "
                    "return [at.x + 20, at.y + upper.topOf(1) - upper.frame.scrollTop + 8]; })()")  # fmt: skip
    tab.click(*place)
    assert text_of(tab, "#details .name") == "main"
    assert halves(tab)[0] == [["load", 10], ["main", 5]]
    below = tab.run("[report.upper.topOf(0) > report.upper.topOf(1), report.graph.topOf(0) < report.graph.topOf(1)]")
    assert below == [True, True]


def test_callers_and_callees_are_reached_and_left_by_keyboard(show: Shown):
    tab = opened(show, report_of(AROUND))
    tab.run("graph.focus()")
    tab.press("ArrowDown")
    tab.press("c")
    assert text_of(tab, "#graph-title") == "Callers and callees of main"
    assert tab.run("document.activeElement.id") == "graph"
    assert re.fullmatch(r"#w=\w", tab.run("location.hash"))
    reached = []
    for _ in range(3):
        tab.press("ArrowDown")
    tab.press("Escape")
    tab.press("Escape")
    assert (text_of(tab, "#graph-title"), tab.run("callers.hidden")) == ("Flame graph", True)
    tab.click_on("#details .lead button")
    assert text_of(tab, "#graph-title").startswith("Callers and callees of ")
    tab.run("document.getElementById('search').focus()")
    for _ in range(12):
        tab.press("Tab")
        reached.append(tab.run("document.activeElement.id"))
    assert [name for name in reached if name in ("leave", "callers", "graph")] == ["leave", "callers", "graph"]
    tab.click_on("#leave")
    assert text_of(tab, "#graph-title") == "Flame graph"


def test_runs_of_library_calls_fold_on_both_sides_of_a_function(show: Shown):
    profile = served(sample((14, *ALL_STEPS, 12), 3, "main"), sample((15, 11, 10, 9, 8, 14, *ALL_STEPS, 12), 2, "main"))
    at = [place.function for place in report_of(profile).places].index("load")
    tab = opened(show, report_of(profile), fragment=f"w={at:x}", before=WATCH)
    assert [[row[0] for row in half] for half in halves(tab)] == [["load", "step0", "main"], ["load", "decode"]]
    assert {"▸ step11 … step0", "12 library frames", "▸ step8 … decode"} <= set(shown_texts(tab))
    tab.click_on("#fold")
    assert len(halves(tab)[0]) == 14


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        ("decode", [["decode", "load", "serve", "main", "serve", "main"], ["decode"]]),
        ("main", [["main"], ["main", "serve", "main", "serve", "load", "decode"]]),
    ],
)
def test_calls_of_my_own_around_a_function_stay_to_be_seen(show: Shown, function: str, wanted: list[list[str]]):
    profile = heap(sample((3, 2, 1, 0, 1, 0), 4, "main"))
    tab = opened(show, report_of(profile), fragment=f"w={places(profile).index(function):x}")
    assert [[row[0] for row in half] for half in halves(tab)] == wanted


def test_a_search_leads_to_callers_and_callees(show: Shown):
    tab = opened(show, report_of(AROUND), fragment="q=serve")
    assert text_of(tab, "#around") == "Callers and callees of serve"
    tab.click_on("#around")
    assert text_of(tab, "#graph-title") == "Callers and callees of serve"
    assert halves(tab)[1] == [["serve", 10], ["load", 5], ["load", 3, "decode", 2]]


def test_callers_and_callees_have_the_intervals_of_the_estimator(show: Shown):
    stacks = {1: (LOAD, MAIN), 2: (DECODE, LOAD, MAIN), 3: (DECODE, LOAD, SERVE), 4: (SERVE, MAIN)}
    profile = profile_of(random_heap(7, stacks).snapshot())
    found = [place.function for place in report_of(profile).places].index("load")
    tab = opened(show, report_of(profile), fragment=f"w={found:x}")
    wanted = Tally(replace(profile, samples=[one for one in profile.samples if goes_through(profile, one.stack)]), 3)
    for graph in ("graph", "upper"):
        value, low, high = tab.run(
            f"(() => {{ const [sum] = report.{graph}.tree.sums(report.{graph}.tree.root); "
            "return [sum.value, ...sum.interval()]; })()"
        )
        assert (value, low, high) == pytest.approx(
            (wanted.whole.value, *wanted.whole.interval()), abs=len(profile.samples), rel=1e-4
        )
    assert tab.run("document.querySelector('#details .bar .whisker') !== null")


def goes_through(profile: Profile, stack: tuple[int, ...]) -> bool:
    return any(frame.function == "load" for frame in profile.frames(stack))


@pytest.mark.parametrize("fragment", ["w=zzzz", "w=-1", "w=", "w=0&t=1&h=1&i=1", "w=3&z=99.1"])
def test_wrong_and_strange_links_around_functions_show_something(show: Shown, fragment: str):
    tab = opened(show, report_of(SMALL), fragment=fragment)
    assert "MiB" in text_of(tab, "#whole")
    assert "MiB" in text_of(tab, "#details")


def test_callers_and_callees_of_a_difference(show: Shown):
    old, new = heap(sample((3, 2, 0), 4, "main")), heap(sample((3, 2, 0), 9, "main"), sample((2, 1), 1, "main"))
    report = difference_of(old, new, ["a", "b"])
    at = [place.function for place in report.places].index("load")
    tab = opened(show, report, fragment=f"w={at:x}")
    assert "+6.0 MiB" in text_of(tab, "#details")
    sides = "report.upper.rows[1].map((box) => box.call.values.map((value) => value / 1048576))"
    assert tab.run(sides) == [[4, 9], [0, 1]]


# ---- Source lines


def with_source(report: Report, *excerpts: Excerpt) -> Report:
    report.excerpts = list(excerpts)
    return report


def source_shown(tab: chromium.Tab) -> tuple[list[str], list[str]]:
    """Return the shown source lines, and the marked ones among them."""
    lines = "[...document.querySelectorAll('#details .source {}')].map((line) => line.textContent)"
    every, marked = tab.run(lines.format("code > span")), tab.run(lines.format("[aria-current]"))
    return [line.rstrip("\n") for line in every], [line.rstrip("\n") for line in marked]


def test_the_largest_site_and_its_source_are_on_the_first_screen(show: Shown):
    places = [place.function for place in report_of(SMALL).places]
    lines = [f"line {number}" for number in range(37, 44)]
    report = with_source(report_of(SMALL), Excerpt(places.index("decode"), 37, lines))
    tab = opened(show, report, size=(1440, 900))
    assert text_of(tab, "#details .name") == "Largest site: decode"
    assert "57.1 % of all" in text_of(tab, "#details")
    assert source_shown(tab) == ([f"{number}line {number}" for number in range(37, 44)], ["40line 40"])
    assert tab.run("document.querySelector('.source').getBoundingClientRect().bottom < innerHeight")
    assert tab.run("document.querySelector('#rows tr').getBoundingClientRect().bottom < innerHeight")


def test_a_librarys_site_shows_the_source_of_the_line_of_mine(show: Shown):
    places = [place.function for place in report_of(SMALL).places]
    report = with_source(
        report_of(SMALL), Excerpt(places.index("decode"), 40, ["theirs"]), Excerpt(places.index("load"), 30, ["mine()"])
    )
    tab = opened(show, report)
    assert source_shown(tab) == (["30mine()"], ["30mine()"])
    click_box(tab, "decode")
    assert source_shown(tab) == (["40theirs"], ["40theirs"])
    tab.click_on("#rows tr:nth-child(3) button:not(.around)")
    assert text_of(tab, "#details .name") == "Site: load"
    assert source_shown(tab) == (["30mine()"], ["30mine()"])
    tab.press("Escape")
    click_box(tab, "serve")
    assert source_shown(tab) == ([], [])


def test_hostile_source_is_text(show: Shown):
    places = [place.function for place in report_of(SMALL).places]
    lines = [line.replace("\n", "").replace("\r", "") for line in HOSTILE]
    report = with_source(report_of(SMALL), Excerpt(places.index("decode"), 40, lines))
    tab = opened(show, report, before="window.alert = () => { throw new Error('it ran'); }")
    assert source_shown(tab)[0] == [f"{40 + at}{line}" for at, line in enumerate(lines)]
    assert tab.run("[document.images.length, document.querySelectorAll('main script').length]") == [0, 0]


# ---- Resident memory


def test_the_page_shows_a_bar_of_what_was_in_memory(show: Shown):
    sizes = {"malloc_free": 60 * MIB, "native_blocks": 30 * MIB, "files": 10 * MIB, "<b>": MIB, "mapped": 0}
    parts = parts_of(sizes, 50 * MIB, 1)
    memory = ResidentMemory(100 * MIB, 100 * MIB, 0, None, None, parts, -MIB, 50 * MIB, 0, 100 * MIB, 1, 1)
    tab = opened(show, report_of(SMALL.with_notes(comments(Residency(memory)))))
    widths = tab.run(
        "[...document.querySelectorAll('#memory-bar span')].map((one) => [one.dataset.part, one.style.width])"
    )
    assert [(name, round(float(width[:-1]), 1)) for name, width in widths] == [
        ("malloc_free", 59.4), ("native_blocks", 29.7), ("files", 9.9), ("<b>", 1.0),
    ]  # fmt: skip
    bar = tab.run("document.querySelector('#memory-bar').getBoundingClientRect().width")
    drawn = tab.run(
        "[...document.querySelectorAll('#memory-bar span')].map((one) => one.getBoundingClientRect().width)"
    )
    assert sum(drawn) == pytest.approx(bar, abs=1)
    label = tab.run("document.querySelector('#memory-bar').ariaLabel")
    assert label == "malloc_free 60.0 MiB, native_blocks 30.0 MiB, files 10.0 MiB, <b> 1.0 MiB, unexplained -1.0 MiB"
    rows = tab.run("[...document.querySelectorAll('#memory-parts li')].map((one) => one.textContent)")
    assert rows[0].startswith("60.0 MiB malloc_free60.0 %spprof.memprof.trim(), which calls malloc_trim(0), would")
    assert rows[1:] == [
        "30.0 MiB native_blocks30.0 %",
        "10.0 MiB files10.0 %",
        "1.0 MiB <b>1.0 %",
        "-1.0 MiB unexplained-1.0 %",
    ]
    assert tab.run("document.querySelector('#memory').hidden") is False


def test_a_page_without_it_shows_no_bar(show: Shown):
    tab = opened(show, report_of(SMALL))
    assert tab.run("document.querySelector('#memory').hidden") is True


# ---- Ages

AGED = heap(
    *(aged._replace(labels=(*aged.labels, Label("age", None, age, "seconds"))) for aged, age in (
        (sample((3, 2, 0), 4, "main"), 0), (sample((1, 0), 2, "worker"), 600), (sample((2, 0), 1, "worker"), 60),
        (sample((2, 0), 1, "worker"), 600),
    ))
)  # fmt: skip
"""8 MiB in all: decode holds 4, new; serve holds 2, at least ten minutes old; load itself holds 1 at least one minute
old and 1 at least ten minutes old.
"""

FILL_OF = "(name) => report.graph.fill(report.graph.rows.flat().find((box) => nameOfBox(box) === name).call)"


def fills(tab: chromium.Tab, *of: str) -> list[str]:
    return list(tab.run(f"{list(of)}.map({FILL_OF})"))


@pytest.mark.parametrize("dark", [False, True])
def test_calls_are_coloured_by_their_age(show: Shown, dark: bool):
    tab = opened(show, report_of(AGED), dark=dark)
    by_package = fills(tab, "decode", "serve", "load", "main")
    assert "Coloured by package." in text_of(tab, "#legend")
    assert tab.run("document.querySelector('#age').closest('label').hidden") is False
    tab.run("document.querySelector('#age').click()")
    assert "Coloured by average age, from yellow (<1 s, the youngest) to red (>10 min, the oldest)" in text_of(
        tab, "#legend"
    )
    by_age = fills(tab, "decode", "serve", "load", "main")
    assert len(set(by_age)) == 4
    assert by_age != by_package
    bands = tab.run("report.report.bands")
    assert bands == [ages.age_text(band) for band in ages.BANDS[: ages.BANDS.index(600) + 1]]
    oldest = len(bands) - 1
    minute = ages.BANDS.index(60)
    colours = tab.run(f"[0, {oldest}, {(minute + oldest) / 6}].map((age) => report.graph.colours.aged(age / {oldest}))")
    assert [by_age[0], by_age[1], by_age[2]] == colours
    assert tab.run("location.hash") == "#a=1"
    click_box(tab, "serve")
    assert ">10 min on average" in text_of(tab, "#details")
    tab.run("document.querySelector('#invert').click()")
    assert fills(tab, "serve") == [by_age[1]]


def test_the_age_of_one_threads_memory_is_its_own(show: Shown):
    tab = opened(show, report_of(AGED), fragment="a=1&t=1")
    assert fills(tab, "serve") == tab.run("[report.graph.colours.aged(1)]")


def test_where_ages_are_not_known_there_is_no_such_choice(show: Shown):
    for report in (report_of(SMALL), difference_of(AGED, AGED, ["a", "b"])):
        tab = opened(show, report, fragment="a=1")
        assert tab.run("document.querySelector('#age').closest('label').hidden") is True
        assert "by average age" not in text_of(tab, "#legend")
