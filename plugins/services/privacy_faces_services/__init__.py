"""Verification services behind HTTP: two images go there, a confidence comes back. Nothing is sent unasked."""
