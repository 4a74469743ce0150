"""`privacy-faces methods`: what can change a face."""

from __future__ import annotations

from privacy_faces.cli.listing import listing_command
from privacy_faces.config.registry import METHODS

command = listing_command(
    METHODS, "List the methods: installed ones, and known ones with the command that installs them."
)
