"""The effect of generated code on stacks. Its addresses are in no file."""


def _executable_without_file():
    with open("/proc/self/maps") as maps:
        for line in maps:
            fields = line.split()
            if "x" in fields[1] and len(fields) < 6:
                low, high = fields[0].split("-")
                yield int(low, 16), int(high, 16)


def faults_of(stacks, leaves):
    """Count the raw stacks, the truncated ones, and those that contain an address of generated code. Also count the
    leaves without a name.
    """
    ranges = list(_executable_without_file())
    faults = {"stacks": len(stacks), "truncated": 0, "generated": 0}
    faults["nameless"] = sum(leaf.startswith("0x") for leaf in leaves)
    for words, _, truncated in stacks:
        addresses = [(word & (1 << 48) - 1) - 1 for word in words if not word >> 63]
        faults["generated"] += any(low <= address < high for address in addresses for low, high in ranges)
        faults["truncated"] += truncated
    return faults
