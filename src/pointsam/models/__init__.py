"""Segment Anything models behind one contract."""
