"""Sites: which line of the user's code and which native function are shown next to the allocating line."""

from __future__ import annotations

import pytest
from naive_heap import NaiveHeap, native_frame, python_frame
from spprof.analysis.by_site import Tally
from spprof.analysis.paths import paths_of_sites
from spprof.analysis.site_table import told_site
from spprof.analysis.sites import SiteKey, key_of, native_beneath, your_line
from spprof.heap.to_pprof import profile_of

MAIN = python_frame("main", 90, "/srv/app/main.py")
TOTAL = python_frame("total", 12, "/srv/app/orders.py")
PARSE = python_frame("parse", 7, "/usr/lib/python3.11/json/decoder.py")
RANDN = python_frame("randn", 5, "/v/lib/python3.12/site-packages/numpy/random.py")
COMMAND = python_frame("<module>", 5, "/srv/env/bin/gunicorn")
FROZEN = python_frame("_call", 9, "<frozen importlib._bootstrap>")


@pytest.mark.parametrize(
    ("frames", "line"),
    [
        ((TOTAL, MAIN), None),  # the site is already in the user's code
        ((RANDN, TOTAL, MAIN), TOTAL),
        ((native_frame("f"), PARSE, RANDN, FROZEN, MAIN), MAIN),
        ((PARSE, FROZEN), None),
        ((PARSE, COMMAND), None),
        ((native_frame("f"),), None),
    ],
)
def test_my_line_is_the_innermost_that_is_no_librarys(frames, line):  # type: ignore[no-untyped-def]
    assert your_line(frames) == (line and key_of(line))


@pytest.mark.parametrize(
    ("natives", "name"),
    [
        (["default_malloc", "PyDataMem_UserNEW", "PyArray_NewFromDescr_int"], "PyArray_NewFromDescr_int"),
        (["_PyMem_DebugRawAlloc", "_PyObject_GC_New", "PyDict_New"], "PyDict_New"),
        (["operator new(unsigned long)", "std::string::_M_create(char&)"], "std::string::_M_create(char&)"),
        (["__rust_alloc", "alloc::raw_vec::RawVec::grow", "polars_read"], "polars_read"),
        (["inflate"], "inflate"),
        (["xmalloc", "my_allocate"], "my_allocate"),  # all of them pass the call on: the one that the line called
        ([], None),
    ],
)  # fmt: skip
def test_functions_that_hand_on_to_an_allocator_are_passed_over(natives: list[str], name: str | None):
    frames = [*map(native_frame, natives), RANDN, MAIN]
    assert native_beneath(frames) == name
    assert native_beneath(frames[: len(natives)]) is None


def test_the_line_that_led_to_most_is_told_and_is_that_of_the_file():
    heap = NaiveHeap({1: (RANDN, TOTAL, MAIN), 2: (RANDN, MAIN), 3: (TOTAL, MAIN)})
    for stack_id, size in ((1, 1000), (2, 3000), (3, 50)):
        heap.add(size, 0, stack_id)
    sites = heap.snapshot().live_sites
    profile = profile_of(heap.snapshot())
    for key, site in (*sites.items(), *Tally(profile, profile.default_index).own.items()):
        expected = key_of(MAIN) if key == key_of(RANDN) else None
        assert (key, site.your_line) == (key, expected)
    paths = paths_of_sites(sites.items())
    told = told_site(key_of(RANDN), sites[key_of(RANDN)], paths)
    assert told.startswith("randn (numpy/random.py:5)")
    assert told.endswith(", from main (main.py:90)")
    assert ", from" not in told_site(key_of(TOTAL), sites[key_of(TOTAL)], paths)
    assert SiteKey("main", "/srv/app/main.py", 90) not in sites
    assert "from main" in str(heap.snapshot())
