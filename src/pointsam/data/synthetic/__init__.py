"""Drawn scenes to try the tool on."""
