"""Prediction on ordinary images."""
