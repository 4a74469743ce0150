"""What to hide: frames and a recogniser in, masks (N, 1, S, S) out."""
