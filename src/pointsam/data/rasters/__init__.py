"""Pixels in files: images, scenes, windows, stretches, coordinates."""
