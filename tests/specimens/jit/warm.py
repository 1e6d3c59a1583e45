"""Loops that the JIT compiles, and a check whether it has."""

import _opcode


def is_generated(function):
    """Return True if part of the function runs as generated code."""
    for offset in range(0, len(function.__code__.co_code), 2):
        try:
            _opcode.get_executor(function.__code__, offset)
        except (ValueError, RuntimeError):
            continue
        return True
    return False


class Point:
    def __init__(self, number):
        self.numbers = [number]

    def __lt__(self, other):
        return self.numbers < other.numbers


def texts(count):
    return [str(number).encode() * 10 for number in range(count)]


def pairs(count):
    kept = []
    for number in range(count):
        kept.append((number, [number]))
    return kept


def points(count):
    kept = []
    for number in range(count):
        kept.append(Point(number % 17))
    return kept


def nested(number):
    return {number: [number]}


def by_key(number):
    found = None
    for _ in range(3):
        found = nested(number)
    return [found]


def keyed(count):
    """Call from C into Python for each number."""
    return [by_key(number) for number in sorted(range(count), key=lambda number: by_key(-number)[0][-number])]


def steps(count):
    for number in range(count):
        yield [number]


def stepped(count):
    kept = []
    for step in steps(count):
        kept.append(step)
    return kept


def caught(count):
    kept = []
    for number in range(count):
        try:
            raise ValueError([number])
        except ValueError as error:
            kept.append(error.args)
    return kept


LOOPS = [texts, pairs, points, keyed, stepped, caught]


def run_all(count):
    return [loop(count) for loop in LOOPS]


def sum_of_squares(count):
    total = 0
    for number in range(count):
        total += number * number & 255
    return total


def run_numbers(count):
    """Run little but generated code, with some calls from C."""
    total = sum_of_squares(count)
    for number in sorted(range(count // 100), key=lambda number: sum_of_squares(30) - number):
        total += number
    return total + sum(map(sum_of_squares, range(40)))
