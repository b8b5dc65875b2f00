"""Routes that other label tools' clients know already."""
