"""`privacy-faces recognizers`: who can judge, or help."""

from __future__ import annotations

from privacy_faces.cli.listing import listing_command
from privacy_faces.config.registry import RECOGNIZERS

command = listing_command(RECOGNIZERS, "List the recognizers.")
