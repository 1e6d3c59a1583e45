"""Work that runs beside the program, on a separate thread."""
