"""SPPROF as text: what its words mean, the messages about invalid ones, and that it is read exactly as written."""

from __future__ import annotations

import itertools
import random

import pytest
from spprof.cli.variable import VariableError, Wanted, text_of, wanted_of

HEAP = Wanted(rate_kb=512)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("heap", HEAP),
        ("heap=512", HEAP),
        ("HEAP = 512 ", HEAP),
        (",, heap ,", HEAP),
        (",", HEAP),
        ("every=60", HEAP._replace(every=60.0)),
        ("heap=0", Wanted(rate_kb=0)),
        ("cpu", Wanted(interval_ms=10.0)),
        ("cpu=2.5,native", Wanted(interval_ms=2.5, is_native=True)),
        ("wall", Wanted(interval_ms=10.0, mode="wall")),
        ("heap,wall=5", Wanted(rate_kb=512, interval_ms=5.0, mode="wall")),
        ("heap=64,budget=0.1", Wanted(rate_kb=64, budget_percent=0.1)),
        ("after=1,for=2,min-samples=0", HEAP._replace(after=1.0, duration=2.0, min_samples=0)),
        ("out=/tmp/a b/", HEAP._replace(out="/tmp/a b/")),
        ("out=/a\\,b\\\\c=d,cpu", Wanted(interval_ms=10.0, out="/a,b\\c=d")),
        ("out=x\\", HEAP._replace(out="x")),
        ("out= \udcff ", HEAP._replace(out=" \udcff ")),
        ("run=1:2:f,program=a", HEAP._replace(run="1:2:f", program="a")),
    ],
)
def test_words_mean_what_they_say(text: str, wanted: Wanted):
    assert wanted_of(text) == wanted


MALFORMED = {
    "heap=x": "heap=x: not a number; use for example heap=512",
    "heap=-1": "heap=-1: it must be between",
    "heap=1e400": "heap=1e400: not a number; use for example heap=512",
    "heap=": "heap needs a value, such as heap=512",
    "cpu=0": "cpu=0: it must be between",
    "cpu=nan": "cpu=nan: it must be between",
    "cpu=": "cpu needs a value, such as cpu=10",
    "every": "every needs a value, such as every=60",
    "every=0": "every=0: it must be between",
    "every=inf": "every=inf: it must be between",
    "for=-3": "for=-3: it must be between",
    "out": "out needs a value, such as out=profiles/",
    "out=": "out needs a value, such as out=profiles/",
    "budget=200": "budget=200: it must be above 0 and at most 100",
    "heap=0,budget=1": "budget needs heap with an interval above 0",
    "cpu,budget=1": "budget needs heap with an interval above 0",
    "native": "native needs cpu or wall; heap profiles always have native frames",
    "cpu,wall": "cpu and wall cannot be combined",
    "heap,heap=5": "heap is given twice",
    "cpu=1,cpu=1": "cpu is given twice",
    "min-samples=-1": "min-samples=-1: it must be 0 or more",
    "min-samples=1.5": "min-samples=1.5: not a number; use for example min-samples=5",
    "yes": "unknown word yes; valid words are heap, cpu, wall, budget, out, every, keep, after, for, listen, ",
    "heap=512;cpu=10": "heap=512;cpu=10: not a number",
    "off,heap": "unknown word off",
    "native=1": "unknown word native=1",
    "=": "unknown word =",
    "a\x1b[31mb\n": "unknown word a\\x1b[31mb",
}  # fmt: skip
"""Invalid texts, with the beginning of the message."""


@pytest.mark.parametrize("text", MALFORMED)
def test_what_means_nothing_is_named(text: str):
    with pytest.raises(VariableError) as caught:
        wanted_of(text)
    assert str(caught.value).startswith(MALFORMED[text])
    assert "\n" not in str(caught.value)


def test_what_is_asked_for_is_read_as_it_was_written():
    for one in (
        HEAP,
        Wanted(rate_kb=0, interval_ms=1.5, mode="wall", is_native=True, out="/a b/,\\=é\udcff/", every=0.25),
        Wanted(rate_kb=2**20, budget_percent=0.1, after=0.1, duration=1e6, min_samples=0, run="1:2:f", program="a,b\\"),
    ):
        assert wanted_of(text_of(one)) == one


def test_numbers_keep_all_their_digits():
    numbers = random.Random(1)
    for _ in range(200):
        seconds, percent = numbers.uniform(0.001, 1e6), numbers.uniform(0.001, 50)
        one = Wanted(rate_kb=1, budget_percent=percent, interval_ms=numbers.uniform(1, 1000), every=seconds)
        assert wanted_of(text_of(one)) == one


def test_every_path_is_read_as_it_was_written():
    for characters in itertools.product("a, \\=é\udcff/", repeat=4):
        one = HEAP._replace(out=f"/{''.join(characters)}", program="p")
        assert wanted_of(text_of(one)) == one
