"""Mask decoders of the families."""
