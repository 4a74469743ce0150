"""Where labeled photos come from."""
