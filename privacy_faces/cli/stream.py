"""`privacy-faces anonymize -`: one photo from stdin to stdout; what is to be said goes to stderr."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

import click

from privacy_faces.config.plan import Plan


def protect_stream(plan: Plan) -> None:
    """Protect the photo on stdin, write it to stdout, and end; nothing is written when it fails."""
    from privacy_faces.photos.formats.read import read_photo
    from privacy_faces.pipeline.anonymizer import Anonymizer
    from privacy_faces.pipeline.destination import Memory

    memory = Memory("-")
    with redirect_stdout(sys.stderr):
        anonymizer = Anonymizer(plan)
        try:
            receipt = anonymizer.anonymize(read_photo(sys.stdin.buffer.read()), memory)
        except (ValueError, OSError) as error:
            click.echo(f"-: FAILED: {error}", err=True)
            sys.exit(1)
        for line in receipt.warnings:
            click.echo(f"-: {line}", err=True)
    sys.stdout.buffer.write(memory.data)
    sys.stdout.buffer.flush()
    sys.exit(0)
