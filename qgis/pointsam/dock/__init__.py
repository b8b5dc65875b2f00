"""Clicking in the map: a dock, a map tool, live masks."""
