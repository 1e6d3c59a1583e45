"""A typical batch script: everything that it held is freed when main() returns."""


def load():
    return list(map(bytearray, [1000] * 15_000))


def transform(rows):
    return list(map(bytes, rows))


def main():
    rows = load()
    return len(transform(rows))


assert main() == 15_000
