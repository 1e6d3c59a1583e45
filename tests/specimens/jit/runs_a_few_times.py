"""Print whether a function that has run five times runs as generated code."""

from warm import is_generated


def counts(count):
    total = 0
    for number in range(count):
        total += number
    return total


for _ in range(5):
    counts(3)
print(is_generated(counts))
