"""Mask + inpaint."""
