import held

held.memprof.start(0)
keep = []


def leaf(size):
    keep.append(
        bytearray(size),
    )


def middle(size):
    for _ in range(1):
        leaf(size)  # in middle


middle(70001)  # first
middle(70002)  # second
held.tell(70001, 70002)
