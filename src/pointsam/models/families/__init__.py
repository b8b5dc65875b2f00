"""SAM families behind one contract."""
