"""The page's own routes."""
