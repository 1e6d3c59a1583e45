"""The HTML file in Chromium, operated as a person would, by mouse, keyboard and address, and checked by axe-core.

Marked `viewers`, run by `make viewers`. Screenshots of every state, light and dark, are written to build/viewers.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest
from heaps_over_time import random_heaps
from naive_heap import NaiveHeap, native_frame, python_frame, random_heap
from pages import DECODE, LOAD, MAIN, SERVE, SMALL, Shown, click_box, heap, names, opened, rows, sample, text
from spprof.analysis.by_site import Tally
from spprof.analysis.sites import SiteKey
from spprof.heap.to_pprof import profile_of
from spprof.pprof.file import read_profile
from spprof.pprof.profile import Location, Profile, Sample, ValueType
from spprof.report.build import difference_of, report_of
from spprof.report.model import Report
from spprof.report.page import written
from spprof.results import PART_TEXTS
from test_report import HOSTILE, PROFILES, STACKS
from viewers import ROOT, chromium

pytestmark = pytest.mark.viewers


# ---- The first view


def test_the_page_shows_the_whole_and_its_calls(show: Shown):
    tab = opened(show, report_of(SMALL))
    assert text(tab, "#whole") == "7.0 MiBin use, exact"
    assert names(tab) == [["all"], ["main"], ["load", "serve"], ["decode"]]
    assert [row[0] for row in rows(tab)] == ["4.0 MiB", "2.0 MiB", "1.0 MiB", "0 B"]
    assert rows(tab)[3][3:] == ["7.0 MiB", "main main.py:10"]


def test_a_librarys_line_shows_the_line_of_mine_that_led_there(show: Shown):
    profile = heap(sample((3, 2, 0), 4, "main"), sample((3, 1, 0), 5, "main"), sample((1,), 2, "worker"))
    tab = opened(show, report_of(profile))
    cells = {row[-1].split(" ")[0]: row[-1] for row in rows(tab)}
    assert cells["decode"] == "decode python3.11/json/decoder.py:40 from serve serve.py:20"
    assert cells["serve"] == "serve serve.py:20"
    tab.run("(() => { threads.value = '1'; threads.dispatchEvent(new Event('change')); })()")
    assert [row[-1] for row in rows(tab)] == ["serve serve.py:20"]


@pytest.mark.parametrize(("group", "column"), [("in use", 3), ("at the peak", 5)])
def test_intervals_are_those_of_the_estimator(show: Shown, group: str, column: int):
    snapshot = random_heap(3, STACKS).snapshot()
    profile = profile_of(snapshot)
    tab = opened(show, report_of(profile))
    tab.click_on(f"#groups label:has([value='{group}']) span")
    tally = Tally(profile, column)
    shown = tab.run("report.sites.map((row) => [row.place, row.own[0].value, ...row.own[0].interval(), row.total[0]])")
    places = report_of(profile).places
    for place, value, low, high, total in shown:
        key = SiteKey(places[place].function, places[place].file, places[place].line)
        assert total == pytest.approx(tally.total[key], abs=len(profile.samples))
        if key in tally.own:
            ends = tally.own[key].interval()
            assert ends is not None
            assert (value, low, high) == pytest.approx(
                (tally.own[key].value, *ends), abs=len(profile.samples), rel=1e-4
            )
    whole = tab.run("report.chosen.whole[0].interval(report.report.sides[0])")
    assert whole == pytest.approx(tally.whole_interval(), rel=1e-4)
    assert (tab.run("report.choice.column"), group in text(tab, "#whole")) == (column, True)
    assert len(shown) == len(tally.total)


def test_another_tools_profile_has_its_own_units(show: Shown):
    tab = opened(show, report_of(read_profile(str(PROFILES / "go-cpu.pb.gz"))))
    assert text(tab, "#whole") == "260.0 mscpu"
    tab.click_on("#measures label:not(:has(:checked)) span")
    assert text(tab, "#whole") == "26samples"


def test_many_sample_types_are_a_list(show: Shown):
    tab = opened(show, report_of(read_profile(str(PROFILES / "ddtrace.pb.gz"))))
    tab.run("(() => { const list = document.querySelector('#measures select'); list.value = 'wall-time'; "
            "list.dispatchEvent(new Event('change', { bubbles: true })); })()")  # fmt: skip
    assert text(tab, "#whole") == "2.47 swall-time"


# ---- Interaction


def test_a_click_zooms_and_a_link_leads_back(show: Shown):
    tab = opened(show, report_of(SMALL))
    click_box(tab, "load")
    assert text(tab, "#details .name") == "load"
    assert names(tab) == [["all"], ["main"], ["load"], ["decode"]]
    fragment = tab.run("location.hash.slice(1)")
    assert fragment.startswith("z=")
    tab.close()
    tab = opened(show, report_of(SMALL), fragment=fragment)
    assert (text(tab, "#details .name"), names(tab)) == ("load", [["all"], ["main"], ["load"], ["decode"]])
    tab.click_on("#reset")
    assert names(tab)[2] == ["load", "serve"]
    assert tab.run("location.hash") == ""


def test_the_whole_choice_stands_in_the_link(show: Shown):
    fragment = "c=0&t=1&i=1&h=1&q=serve&s=-total&theme=dark"
    tab = opened(show, report_of(SMALL), fragment=fragment)
    assert tab.run("report.choice.column") == 0
    assert tab.run("[invert.checked, hide.checked, search.value, threads.value]") == [True, True, "serve", "1"]
    assert tab.run("document.documentElement.dataset.theme") == "dark"
    assert text(tab, "#columns [aria-sort=ascending]").startswith("Total")
    tab.run("report.apply()")
    assert sorted(tab.run("location.hash.slice(1)").split("&")) == sorted(fragment.split("&"))


@pytest.mark.parametrize("fragment", ["c=99&t=x&z=zz.zz.-1&s=nope&theme=no", "%%%&=&z=..", "c=-1", "z=" + "0." * 3000])
def test_a_wrong_link_shows_the_report_nevertheless(show: Shown, fragment: str):
    tab = opened(show, report_of(SMALL), fragment=fragment)
    assert text(tab, "#whole") == "7.0 MiBin use, exact"
    assert rows(tab)[0][0] == "4.0 MiB"


def test_search_tells_the_share_of_all(show: Shown):
    tab = opened(show, report_of(SMALL))
    tab.press("/")
    tab.type("LOAD")
    assert text(tab, "#found") == "1 site: 71.4 % of all, 5.0 MiB, exact"
    assert [row[-1] for row in rows(tab)] == ["load load.py:30"]
    tab.type(".nothing")
    assert text(tab, "#found") == "No matches."
    tab.press("Escape")
    assert (text(tab, "#found"), len(rows(tab))) == ("", 4)


def test_a_recursive_call_is_found_and_counted_once(show: Shown):
    profile = heap(sample((2, 2, 2, 0), 3, "main"), sample((1, 0), 1, "main"))
    tab = opened(show, report_of(profile), fragment="q=load")
    assert text(tab, "#found") == "1 site: 75.0 % of all, 3.0 MiB, exact"
    assert [row[3] for row in rows(tab)] == ["3.0 MiB"]


def test_a_site_of_the_table_is_found_in_the_graph(show: Shown):
    tab = opened(show, report_of(SMALL))
    tab.click_on("#rows tr:nth-child(2) button:not(.around)")
    assert tab.run("search.value") == "serve"
    assert text(tab, "#found").startswith("1 site: 28.6 % of all")


def test_inverted_what_is_called_stands_above_its_callers(show: Shown):
    tab = opened(show, report_of(SMALL))
    assert text(tab, "#legend").startswith("Callers are above")
    tab.click_on("#invert")
    assert text(tab, "#legend").startswith("Callers are below")
    assert names(tab) == [["all"], ["decode", "serve", "load"], ["load", "main", "main"], ["main"]]
    assert tab.run("report.graph.rows[1].map((box) => box.call.values[0] / 1048576)") == [4, 2, 1]


def test_hidden_library_calls_are_charged_to_their_callers(show: Shown):
    tab = opened(show, report_of(SMALL))
    tab.click_on("#hide")
    assert names(tab) == [["all"], ["main"], ["load", "serve"]]
    assert [(row[0], row[-1].split()[0]) for row in rows(tab)] == [
        ("5.0 MiB", "load"),
        ("2.0 MiB", "serve"),
        ("0 B", "main"),
    ]
    tab.click_on("#invert")
    assert names(tab) == [["all"], ["load", "serve"], ["main", "main"]]


def test_calls_of_one_place_beneath_hidden_ones_are_one(show: Shown):
    profile = heap(sample((2, 3, 0), 2, "main"), sample((2, 0), 1, "main"), sample((3, 3, 0), 1, "main"))
    tab = opened(show, report_of(profile), fragment="h=1")
    assert names(tab) == [["all"], ["main"], ["load"]]
    assert tab.run("report.graph.rows[2].map((box) => box.call.values[0] / 1048576)") == [3]


def test_switching_shows_objects_and_what_was_allocated(show: Shown):
    tab = opened(show, report_of(SMALL))
    tab.click_on("#measures label:nth-of-type(2) span")
    assert text(tab, "#whole") == "7in use"
    tab.click_on("#groups label:nth-of-type(2) span")
    assert text(tab, "#whole") == "10allocated"
    assert names(tab)[1] == ["main", "serve"]
    tab.click_on("#measures label:nth-of-type(1) span")
    assert text(tab, "#whole") == "10.0 MiBallocated"


def test_a_thread_is_shown_alone(show: Shown):
    tab = opened(show, report_of(SMALL))
    assert tab.run("[...threads.options].map((option) => option.text)") == ["All threads", "main", "worker"]
    tab.run("(() => { threads.value = '1'; threads.dispatchEvent(new Event('change')); })()")
    assert text(tab, "#whole") == "3.0 MiBin use, exact"
    assert names(tab) == [["all"], ["main"], ["serve", "load"]]
    assert [row[0] for row in rows(tab)] == ["2.0 MiB", "1.0 MiB", "0 B"]


def test_the_table_sorts_by_the_column_that_is_clicked(show: Shown):
    tab = opened(show, report_of(SMALL))
    for key, order in (("total", ["main", "load", "decode", "serve"]), ("site", ["decode", "load", "main", "serve"])):
        tab.click_on(f"#columns [data-key={key}]")
        assert [row[-1].split()[0] for row in rows(tab)] == order
        tab.click_on(f"#columns [data-key={key}]")
        assert [row[-1].split()[0] for row in rows(tab)] == order[::-1]
    assert text(tab, "#columns [aria-sort=descending]").startswith("Site")


def test_what_is_narrower_than_a_pixel_is_one_box(show: Shown):
    places = [Location((python_frame(f"f{at}", at + 1),), -1, 0) for at in range(5001)]
    samples = [Sample((at, 5000), (100_000 if at == 0 else 1,)) for at in range(5000)]
    tab = opened(show, report_of(Profile((ValueType("samples", "count"),), places, samples)))
    assert names(tab)[2] == ["f0", "…"]
    assert tab.run("report.graph.rows[2][1].count") == 4999
    tab.click(1160, tab.run("document.getElementById('canvas').getBoundingClientRect().y") + 52)
    assert (names(tab)[2], text(tab, "#details .name")) == (["f1"], "f1")
    tab.run("graph.focus()")
    tab.press("ArrowRight")
    assert (names(tab)[2], text(tab, "#details .name")) == (["f2"], "f2")
    tab.press("Escape")
    assert text(tab, "#count") == "100 of 5,001 sites"
    tab.click_on("#more")
    assert len(rows(tab)) == 200


def test_stacks_of_any_depth_keep_the_canvas_small(show: Shown):
    profile = heap(sample((2,) * 20_000, 1, "main"))
    tab = opened(show, report_of(profile), fragment="f=0")
    assert tab.run("[report.graph.rows.length, canvas.height < 800]") == [20_001, True]
    tab.press("Tab")
    tab.run("graph.focus()")
    for _ in range(60):
        tab.press("ArrowDown")
    assert text(tab, "#spoken").endswith("level 60; 1 call")
    assert tab.run("report.graph.frame.scrollTop") > 0


# ---- By keyboard


def test_arrow_keys_go_through_the_graph(show: Shown):
    tab = opened(show, report_of(SMALL))
    tab.run("graph.focus()")
    for key, name in (
        ("ArrowDown", "main"),
        ("ArrowDown", "load"),
        ("ArrowRight", "serve"),
        ("ArrowRight", "serve"),
        ("ArrowLeft", "load"),
        ("End", "serve"),
        ("Home", "load"),
        ("ArrowDown", "decode"),
        ("ArrowUp", "load"),
    ):
        tab.press(key)
        assert text(tab, "#details .name") == name
    assert text(tab, "#spoken") == "load, load.py:30; 5.0 MiB; exact; 71.4 %; level 2; 1 call"
    tab.press("Enter")
    assert names(tab)[2] == ["load"]
    assert text(tab, "#spoken").startswith("Zoomed. load")
    tab.press("Escape")
    assert (names(tab)[2], text(tab, "#details .name")) == (["load", "serve"], "Largest site: decode")


def test_everything_is_reached_by_tab_and_the_focus_is_seen(show: Shown):
    tab = opened(show, report_of(SMALL))
    reached = []
    for _ in range(14):
        tab.press("Tab")
        reached.append(tab.run("document.activeElement.id || document.activeElement.name || ''"))
    wanted = ["theme", "groups", "measures", "threads", "search", "invert", "hide", "graph", "sites"]
    assert [name for name in reached if name in wanted] == wanted
    tab.run("graph.focus()")
    tab.press("ArrowDown")
    focus = tab.run("[...report.graph.pen.getImageData(600, 22, 1, 1).data]")
    assert focus[2] > focus[0] + 100  # blue: the outline of the selected call


# ---- Differences


def difference(**options: Any) -> Report:
    old = heap(sample((2, 0), 8, "main"), sample((1, 0), 4, "main"), sample((3, 0), 2, "main"))
    new = heap(sample((2, 0), 12, "main"), sample((1, 0), 1, "main"), sample((3, 0), 2, "main"))
    return difference_of(old, new, ["old.pb.gz", "new.pb.gz"], **options)


def colour(tab: chromium.Tab, name: str) -> list[int]:
    """Return the fill colour of the first box with this name."""
    return list(
        tab.run(
            "(() => { const { graph } = report; "
            f"const box = graph.rows.flat().find((box) => box.call && nameOfBox(box) === {json.dumps(name)}); "
            "return [...graph.pen.getImageData(box.right - 6, box.call.depth * 21 + 4, 1, 1).data]; })()"
        )
    )


@pytest.mark.parametrize("dark", [False, True])
def test_red_grew_blue_shrank_and_significant_changes_are_marked(show: Shown, dark: bool):
    tab = opened(show, difference(), dark=dark)
    assert text(tab, "#whole") == "+1.0 MiBin use, 14.0 MiB → 15.0 MiB; exact: a significant change"
    assert names(tab)[2] == ["load", "serve", "decode"]
    assert tab.run("report.graph.rows[2].map((box) => box.call.width / 1048576)") == [12, 4, 2]
    grown, shrunk, still = (colour(tab, name) for name in ("load", "serve", "decode"))
    assert grown[0] > grown[2] + 25
    assert shrunk[2] > shrunk[0] + 25
    assert max(still[:3]) - min(still[:3]) < 10
    assert [row[0] for row in rows(tab)] == ["▲ significant +4.0 MiB", "▼ significant −3.0 MiB", "0 B", "0 B"]


def test_changes_that_chance_explains_are_not_marked(show: Shown):
    heaps = [NaiveHeap({1: (LOAD, MAIN), 2: (SERVE, MAIN)}) for _ in range(2)]
    for which, one in enumerate(heaps):
        for _ in range(10 + 2 * which):
            one.add(100, 4096, 1)
        for _ in range(10 + 40 * which):
            one.add(100, 4096, 2)
    tab = opened(show, difference_of(*(profile_of(one.snapshot()) for one in heaps), ["old", "new"]))
    marks = tab.run("report.graph.rows[2].map((box) => [nameOfBox(box), report.graph.isMarked(box.call)])")
    assert dict(marks) == {"serve": True, "load": False}
    assert ["significant" in row[0] for row in rows(tab)] == [True, False, False]


# ---- Malicious names


def test_hostile_names_are_text(show: Shown):
    heap = NaiveHeap({at: (python_frame(name, 1, name), MAIN) for at, name in enumerate(HOSTILE, 1)})
    heap.stacks[99] = (python_frame("x" * 100_000, 1, "y" * 100_000), MAIN)
    for stack_id in heap.stacks:
        heap.add(1000, 0, stack_id)
    report = report_of(profile_of(heap.snapshot(), {"script": HOSTILE[0]}))
    tab = opened(show, report)
    tab.run("window.alert = () => { throw new Error('it ran'); }")
    for name in ("x" * 100_000, HOSTILE[0], HOSTILE[1], HOSTILE[2]):
        click_box(tab, name, "move")
        assert text(tab, "#tip .name") == (name if len(name) < 400 else name[:400] + "…")
        click_box(tab, name)
        assert text(tab, "#details .name bdi") == (name if len(name) < 400 else name[:400] + "…")
        tab.press("Escape")
    shown = {row[-1].split(" <")[0] for row in rows(tab)}
    assert "</script>" in "".join(shown)
    assert tab.run("[document.images.length, document.querySelectorAll('main script').length]") == [0, 0]
    assert text(tab, "#title") == f"Heap profile of {HOSTILE[0]}"
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    assert "\\u202e" in text(tab, "#rows")
    assert "\u202e" not in tab.run("document.documentElement.innerHTML")


def test_the_policy_stops_what_is_not_ours(browser: chromium.Chromium, tmp_path: Path):
    """A script and a style added to the page have no effect, and the page still works."""
    page = b"".join(written(report_of(SMALL))).decode()
    extra = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'><style>h1{color:red}</style>"
    (tmp_path / "x.html").write_text(page.replace("<header>", extra + "<header>"))
    tab = chromium.Tab(browser, 800, 600)
    tab.open(f"file://{tmp_path}/x.html", "window.report")
    assert tab.run("[typeof window.ran, getComputedStyle(document.querySelector('h1')).color]") == [
        "undefined",
        "rgb(28, 31, 35)",
    ]
    assert len([line for line in tab.complaints() if "Content Security Policy" in line]) >= 3
    tab.close()


def test_a_damaged_file_says_so(browser: chromium.Chromium, tmp_path: Path):
    page = b"".join(written(report_of(SMALL))).decode()
    (tmp_path / "x.html").write_text(page.replace('type="text/plain">eJ', 'type="text/plain">AA'))
    tab = chromium.Tab(browser, 800, 600)
    tab.open(f"file://{tmp_path}/x.html", "waiting.textContent.includes('cannot be shown')")
    tab.close()


# ---- Notebooks


def test_a_notebook_shows_the_page_in_its_frame(browser: chromium.Chromium, tmp_path: Path):
    """The frame is in a page with the policy of Jupyter's server, which the frame inherits."""
    shown = random_heap(3, STACKS).snapshot()._repr_html_()
    policy = "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'"
    meta = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">'
    (tmp_path / "x.html").write_text(f"<!doctype html>{meta}<body><h1>Notebook</h1><div>{shown}</div></body>")
    tab = chromium.Tab(browser, 1000, 800)
    tab.open(f"file://{tmp_path}/x.html", "document.readyState === 'complete'")
    look = "window.report ? done(document.getElementById('whole').textContent) : setTimeout(look, 5)"
    assert "in use" in tab.in_frame(f"new Promise((done) => {{ const look = () => {look}; look(); }})")
    reach = "(() => { try { return parent.document.title; } catch (error) { return error.name; } })()"
    assert tab.in_frame(reach) == "SecurityError"
    assert tab.run("document.querySelector('iframe').clientHeight") == 640
    tab.screenshot(ROOT / "build" / "viewers" / "report-notebook.png")
    tab.close()


# ---- Accessibility

STATES = {
    "around": (lambda: report_of(random_state()), "w=0"),
    "unfolded": (lambda: report_of(random_state()), "f=0"),
    "plain": (lambda: report_of(random_state()), ""),
    "zoomed": (lambda: report_of(random_state()), ""),
    "search": (lambda: report_of(random_state()), "q=load"),
    "nothing-found": (lambda: report_of(random_state()), "q=zzzz"),
    "inverted": (lambda: report_of(random_state()), "i=1"),
    "hidden": (lambda: report_of(random_state()), "h=1&s=total"),
    "allocated-objects": (lambda: report_of(random_state()), "c=0"),
    "thread": (lambda: report_of(SMALL), "t=1"),
    "difference": (lambda: difference(), ""),
    "cpu": (lambda: report_of(read_profile(str(PROFILES / "go-cpu.pb.gz"))), ""),
    "many-types": (lambda: report_of(read_profile(str(PROFILES / "ddtrace.pb.gz"))), ""),
    "memory": (lambda: report_of(SMALL.with_notes(MEMORY)), ""),
    "over-time": (lambda: over_time(), ""),
    "range": (lambda: over_time(), "r=10-40"),
    "empty": (lambda: report_of(heap()), ""),
}
MEMORY = {
    "resident_rss": f"{328 << 20}",
    "resident_returnable": f"{190 << 20}",
    **{f"resident_part_{name}": f"{size << 20}" for name, size in zip(PART_TEXTS, (17, 31, 22, 190, 9, 24, 12, 3))},
}


PHONE_STATES = ("plain", "search", "difference", "memory", "range", "empty")


def over_time() -> Report:
    heaps = random_heaps(21, count=60, rate=512 * 1024, blocks=4000)
    return report_of(heaps.last, moments=heaps.moments())


def random_state() -> Profile:
    stacks = {**STACKS, 6: (native_frame("inflate"), DECODE, SERVE, MAIN), 7: (LOAD, SERVE, MAIN)}
    return profile_of(random_heap(3, stacks).snapshot(), {"script": "server.py"})


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_axe_finds_no_violation_in_any_state(show: Shown, node_modules: Path, look: str):
    axe = (node_modules / "axe-core" / "axe.min.js").read_text()
    found = {}
    for state, (make, fragment) in STATES.items():
        if look == "phone" and state not in PHONE_STATES:
            continue
        tab = opened(show, make(), fragment=fragment, dark=look == "dark", phone=look == "phone")
        if state == "over-time":
            tab.run("document.querySelector('#over-time summary').click()")
            tab.wait("document.querySelector('#timeline-numbers tbody')")
        if state == "zoomed":
            tab.run("report.zoom(report.tree.children(report.tree.children(report.tree.root)[0])[0])")
            assert not tab.run("document.getElementById('reset').disabled")
        tab.screenshot(ROOT / "build" / "viewers" / f"report-{state}-{look}.png")
        tab.run(f"{axe}; 0")
        result = tab.run("axe.run().then(({ violations, passes }) => [violations, passes.length])")
        assert result[1] > 15, "axe has looked at the page"
        found[state] = [f"{one['id']}: {node['html'][:200]}" for one in result[0] for node in one["nodes"]]
        if state != "empty":
            tab.close()
    assert {state: faults for state, faults in found.items() if faults} == {}


def test_axe_would_find_a_fault(show: Shown, node_modules: Path):
    axe = (node_modules / "axe-core" / "axe.min.js").read_text()
    tab = opened(show, report_of(SMALL))
    tab.run("document.getElementById('theme').textContent = ''; document.documentElement.removeAttribute('lang')")
    tab.run(f"{axe}; 0")
    assert tab.run("axe.run().then(({ violations }) => violations.map((one) => one.id).sort())") == [
        "button-name",
        "html-has-lang",
    ]


def test_a_phone_sees_it_without_scrolling_sideways(show: Shown):
    tab = opened(show, report_of(random_state()), phone=True)
    assert tab.run("document.documentElement.scrollWidth") == 390
    assert tab.run("document.querySelector('#columns th').innerText.trim()") == "Site"


def test_the_theme_is_the_systems_or_the_one_chosen(show: Shown):
    tab = opened(show, report_of(SMALL), dark=True)
    pixel = "report.graph.pen.getImageData(5, 100, 1, 1).data[0]"
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert (tab.run(pixel), tab.run(ground)) == (0x16, "rgb(22, 24, 27)")
    tab.click_on("#theme")
    assert (text(tab, "#theme"), tab.run(pixel), tab.run(ground)) == ("Theme: light", 0xFB, "rgb(251, 251, 249)")
    tab.click_on("#theme")
    assert (text(tab, "#theme"), tab.run(pixel)) == ("Theme: dark", 0x16)
    tab.click_on("#theme")
    assert (text(tab, "#theme"), tab.run("location.hash")) == ("Theme: system", "")
