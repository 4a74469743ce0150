"""What to hide: frames and a recognizer in, masks (N, 1, S, S) out."""
