"""Import a package whose modules hold documented amounts of memory, and hold some memory in this module."""

import costly

mine = bytearray(500_000)
print(costly.held())
