"""`privacy-faces anonymize -`: one photo from stdin to stdout; what is to be said goes to stderr."""

from __future__ import annotations

import hashlib
import sys
from contextlib import redirect_stdout

import click

from privacy_faces.config.plan import Plan
from privacy_faces.config.printable import printable


def protect_stream(plan: Plan) -> None:
    """Protect the photo on stdin, write it to stdout, and end; nothing is written when it fails."""
    from privacy_faces.photos.formats.read import read_photo
    from privacy_faces.photos.formats.refuse import check_bytes, room
    from privacy_faces.pipeline.anonymizer import Anonymizer
    from privacy_faces.pipeline.destination import Memory

    with redirect_stdout(sys.stderr):
        anonymizer = Anonymizer(plan)
        most = plan.run.max_memory
        try:
            data = sys.stdin.buffer.read(room(most) + 1)
            check_bytes(len(data), most)
            memory = Memory("-", hashlib.sha256(data).hexdigest())
            receipt = anonymizer.anonymize(read_photo(data, most), memory)
        except (ValueError, OSError) as error:
            click.echo(printable(f"-: FAILED: {error}"), err=True)
            sys.exit(1)
        for line in receipt.warnings:
            click.echo(printable(f"-: {line}"), err=True)
    sys.stdout.buffer.write(memory.data)
    sys.stdout.buffer.flush()
    sys.exit(0)
