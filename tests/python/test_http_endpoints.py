"""The response of each path, tested without a server."""

from __future__ import annotations

import random

import pytest
from asking import sums, text_sums
from child import Child
from naive_heap import native_frame, python_frame, random_heap
from specimens import specimen
from spprof.http import endpoints, heap_text, token
from spprof.http.answers import Answer, RefusalError
from spprof.http.query import Query, quoted, unquoted
from spprof.pprof.difference import difference
from spprof.pprof.profile import HEAP_TYPES, PEAK_TYPES, Profile

MAIN, LOAD, PARSE = python_frame("<module>", 90), python_frame("load", 12), python_frame("Parser.parse", 40)
STACKS = {1: (LOAD, MAIN), 2: (PARSE, LOAD, MAIN), 3: (native_frame("inflate", 0x7F0000001234), PARSE, MAIN)}


def test_the_heap_is_answered_exactly(child: Child) -> None:
    child.run(specimen("http/the_heap_is_answered_exactly"))


def test_a_difference_is_what_came_less_what_went(child: Child) -> None:
    child.run(specimen("http/a_difference_is_what_came_less_what_went"))


def test_time_is_profiled_for_a_request(child: Child) -> None:
    child.run(specimen("http/time_is_profiled_for_a_request"))


def test_a_program_that_profiles_itself_is_left_alone(child: Child) -> None:
    child.run(specimen("http/a_program_that_profiles_itself_is_left_alone"))


def test_a_program_that_begins_a_profile_has_it(child: Child) -> None:
    child.run(specimen("http/a_program_that_begins_a_profile_has_it"))


def test_a_client_that_goes_away_ends_its_profile(child: Child) -> None:
    child.run(specimen("http/a_client_that_goes_away_ends_its_profile"))


def test_profilers_are_started_and_stopped(child: Child) -> None:
    child.run(specimen("http/profilers_are_started_and_stopped"))


def test_bad_numbers_are_refused(child: Child) -> None:
    child.run(specimen("http/bad_numbers_are_refused"))


def test_work_gives_way_to_forks(child: Child) -> None:
    child.run(specimen("http/work_gives_way_to_forks"))


def test_snapshots_wait_for_their_turn(child: Child) -> None:
    child.run(specimen("http/snapshots_wait_for_their_turn"))


def test_the_process_and_its_threads_are_told(child: Child) -> None:
    child.run(specimen("http/the_process_and_its_threads_are_told"))


def test_a_recorders_profiles_go_on(child: Child) -> None:
    child.run(specimen("http/a_recorders_profiles_go_on"), environment={"SPPROF": "heap=512,cpu=1,out=x.pb.gz"})


def numbers_in(raw: str) -> tuple[float, int] | Answer:
    try:
        return Query(raw).seconds(1.0, 0.5), Query(raw).whole("debug", 0, 0, 9)
    except RefusalError as refusal:
        return refusal.answer


@pytest.mark.parametrize("seed", range(5))
def test_whatever_stands_in_an_address_is_refused_at_most(seed: int) -> None:
    source = random.Random(seed)
    parts = (
        "seconds",
        "debug",
        "=",
        "&",
        "%",
        "%3",
        "%ff",
        "%E2%80",
        "+",
        "1",
        ".",
        "-",
        "9" * 30,
        "é",
        "\ud800",
        "\0",
        "\n",
    )
    for _ in range(2000):
        raw = "".join(source.choices(parts, k=source.randrange(12)))
        found = numbers_in(raw)
        if isinstance(found, Answer):
            assert (found.status, found.body.count(b"\n")) == (400, 1), raw
        else:
            assert 0.5 <= found[0] <= 3600
            assert found[1] in range(10)
        answer = endpoints.answer("GET", f"/debug/pprof/x{raw}", raw)
        assert isinstance(answer, Answer)
        assert answer.status == 404


def test_a_switched_off_profiler_is_told(child: Child) -> None:
    child.run(
        """
        from asking import get, post, refused
        for step in (get("/heap"), get("/profile"), post("/start", "heap&cpu"), get("/flamegraph", "cpu")):
            assert refused(step, 409, "SPPROF=off")
        """,
        environment={"SPPROF": "off"},
    )


# ---- Without a process


def by_stack(profile: Profile) -> dict[tuple[object, ...], list[int]]:
    """Return the sum of each stack's values, excluding those at peak."""
    places = [index for index, one in enumerate(profile.sample_types) if one not in PEAK_TYPES]
    found: dict[tuple[object, ...], list[int]] = {}
    for sample in profile.samples:
        stack = tuple(frame for index in sample.stack for frame in profile.locations[index].frames)
        values = found.setdefault(stack, [0] * len(places))
        values[:] = [known + sample.values[place] for known, place in zip(values, places)]
    return found


@pytest.mark.parametrize("seed", range(20))
def test_differences_are_those_of_each_stack(seed: int) -> None:
    first, second = (random_heap(seed + 100 * at, STACKS).snapshot().to_pprof() for at in range(2))
    found = by_stack(difference(first, second))
    before, after = by_stack(first), by_stack(second)
    nothing = [0] * len(HEAP_TYPES)
    wanted = {
        stack: [new - old for old, new in zip(before.get(stack, nothing), after.get(stack, nothing))]
        for stack in {*before, *after}
    }
    assert found == {stack: values for stack, values in wanted.items() if any(values)}
    assert difference(second, second).samples == []


@pytest.mark.parametrize("seed", range(20))
def test_the_old_text_has_the_sums_of_the_profile(seed: int) -> None:
    profile = random_heap(seed, STACKS).snapshot().to_pprof()
    totals = sums(profile)
    told, rows = text_sums(heap_text.written(profile).decode())
    assert told == rows
    assert told == [totals[one] for one in ("inuse_objects", "inuse_space", "alloc_objects", "alloc_space")]


def test_the_old_text_has_one_address_for_a_line_and_none_twice() -> None:
    profile = random_heap(1, STACKS).snapshot().to_pprof()
    lines = [line.split("\t") for line in heap_text.written(profile).decode().splitlines() if line.startswith("#")]
    places = {(name, place) for _, _, name, place in lines}
    assert len({address for _, address, _, _ in lines}) == len(places) == len({tuple(line) for line in lines}) == 4
    assert {int(address, 16) for _, address, name, _ in lines if name == "inflate"} == {0x7F0000001234}


def test_names_in_addresses_are_read_as_browsers_write_them() -> None:
    query = Query("a=1&b=x+y%20z&%63=%C3%A4&a=2&d&e=%zz%4&=7")
    assert [query.text(name) for name in "abcde"] == ["1", "x y z", "ä", "", "%zz%4"]
    assert ["d" in query, "f" in query, query.flag("d"), Query("d=0").flag("d")] == [True, False, True, False]
    source = random.Random(5)
    for _ in range(500):
        text = "".join(map(chr, source.choices(range(0x20, 0x2000), k=8)))
        assert unquoted(quoted(text)) == text
        assert not set(quoted(text)) & set("\"'<>&/?#")


def test_a_token_is_taken_out_of_a_query_wherever_it_stands() -> None:
    assert token.apart("token=a&seconds=5") == ("a", "seconds=5")
    assert token.apart("seconds=5&token=a%2Bb&x=token") == ("a+b", "seconds=5&x=token")
    assert token.apart("%74oken=a&tokens=b") == ("a", "tokens=b")
    assert token.apart("") == ("", "")
    assert token.of_header("Bearer abc") == token.of_header("bearer  abc ") == "abc"
    assert token.of_header("Basic abc") == token.of_header("Bearerabc") == token.of_header("") == ""
    assert token.is_right("ä", "", "ä")
    assert not token.is_right("abc", "", "ab", "abcd", "abC")
    drawn = {token.drawn() for _ in range(100)}
    assert len(drawn) == 100
    assert {len(one) for one in drawn} == {32}
