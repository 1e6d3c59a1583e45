"""What runs beside the program, on a thread of its own."""
