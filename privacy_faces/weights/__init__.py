"""Weights: one manifest (license, origin, sha256, size), one cache, one way to load them safely."""
