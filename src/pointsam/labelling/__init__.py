"""Clicks to consistent masks."""
