"""Images, annotations and points from disk."""
