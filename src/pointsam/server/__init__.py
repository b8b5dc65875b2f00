"""The page to click on, and the HTTP interface that it and other label tools use."""
