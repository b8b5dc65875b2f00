"""Prediction on scenes of any size, window by window."""
