"""Stack ids to frames: symbols, demangling, and which interpreter frames are shown."""
