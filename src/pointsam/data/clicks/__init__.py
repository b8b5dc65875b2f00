"""Clicks: one reader for each format, writers, simulated annotators."""
