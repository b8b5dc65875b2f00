"""The algorithms of the Processing toolbox, one file each."""
