"""Routes for the clients of other label tools."""
