"""Scores: masks, boxes, held-out clicks."""
