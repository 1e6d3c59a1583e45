"""From stack ids to frames: symbols, demangling, and which interpreter frames are shown."""
