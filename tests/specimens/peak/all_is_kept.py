"""The heap is largest at the end."""

kept = [bytearray(1000) for _ in range(15_000)]
