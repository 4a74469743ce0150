"""Where makeup lies on a face, what looks there are, how they are painted, and the references."""
