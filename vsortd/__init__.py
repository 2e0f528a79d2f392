"""vsortd files videos by what they show, says why, and can undo everything."""

__version__ = "0.2.0"
