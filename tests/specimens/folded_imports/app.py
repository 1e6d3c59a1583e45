"""Import a package whose modules hold documented amounts, and hold some memory itself."""

import costly

mine = bytearray(500_000)
print(costly.held())
