"""Attackers who know that photos are protected, and adapt: they clean the photo, undo the change, average over crops,
or learn from protected photos; one a file.

An attack on pictures turns views into views, which a recognizer then embeds; an attack on embeddings works on what was
embedded.
"""
