"""Data sets that makeup is trained on and measured with; light to import."""
