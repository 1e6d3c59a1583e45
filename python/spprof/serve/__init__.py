"""Work that runs alongside the program, on a separate thread."""
