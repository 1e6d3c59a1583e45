"""A batch script as most are: all that it held is freed when main() returns."""


def load():
    return [bytearray(1000) for _ in range(15_000)]


def transform(rows):
    return [bytes(row) for row in rows]


def main():
    rows = load()
    return len(transform(rows))


assert main() == 15_000
