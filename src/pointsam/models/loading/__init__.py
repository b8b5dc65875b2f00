"""Models by name, from files, folders and hubs."""
