"""Losses, prototypes, the teacher and the loop."""
