"""Adapt Segment Anything to remote-sensing images from point labels alone."""
