"""Many scenes: a list, a manifest of what became of each, and the engines that do them."""
