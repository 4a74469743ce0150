"""Weights: one manifest (licence, origin, sha256, size), one cache, one way to load them safely."""
