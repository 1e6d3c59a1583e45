"""What the kernel tells of this process, and where in its memory things are."""
