"""`python -m privacy_faces` is the command `privacy-faces`."""

from privacy_faces.cli import main

main(prog_name="privacy-faces")
