"""Imports a package whose modules hold what they say, and holds something itself."""

import costly

mine = bytearray(500_000)
print(costly.held())
