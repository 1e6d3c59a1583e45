"""What the kernel reports about this process, and the locations of things in its memory."""
