"""What the kernel reports about this process, and where things are in its memory."""
