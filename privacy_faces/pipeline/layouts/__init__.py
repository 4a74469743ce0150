"""How results are laid out in a folder: who writes the names, and who reads them again, side by side."""
