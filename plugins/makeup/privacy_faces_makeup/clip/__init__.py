"""Faces and texts in one space: CLIP models, and how the shipped one was trained."""
