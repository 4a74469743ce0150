"""The page on this machine's loopback address, and nowhere else."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from privacy_faces.config.extras import need_packages

if TYPE_CHECKING:
    from privacy_faces.review.desk import Desk

HOST = "127.0.0.1"


class PortError(ValueError):
    """A port that is taken, or not allowed."""


class Server:
    """The page of a desk.

    Args:
        desk: what the page shows.
        scratch: folder for the pictures that gradio makes.
        opened: see `listening`.
        method: chosen when the page opens.

    Attributes:
        address: with the token, without which every request is refused.

    Raises:
        MissingExtraError: when gradio is not installed.
    """

    def __init__(self, desk: Desk, scratch: Path, opened: socket.socket, *, method: str) -> None:
        need_packages("review", "The page", "gradio")
        # No reports to its makers, and no originals in a folder that outlives the page; read when the page is built.
        os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(scratch)}
        import uvicorn

        from privacy_faces.review.gate import Gate
        from privacy_faces.review.page import make_app

        self._socket = opened
        number = self._socket.getsockname()[1]
        token = secrets.token_urlsafe(24)
        self.address = f"http://{HOST}:{number}/{token}/"
        hosts = frozenset(f"{name}:{number}" for name in (HOST, "localhost"))
        app = Gate(make_app(desk, f"/{token}", method), token, hosts)
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Serve until `stop` is called, or Ctrl-C."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """End `run`, from another thread."""
        self._server.should_exit = True


def listening(port: int) -> socket.socket:
    """A socket at a port of this machine's loopback address; 0: one that is free.

    Raises:
        PortError: when the port is taken.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((HOST, port))
    except OSError as error:
        opened.close()
        raise PortError(
            f"Cannot listen at {HOST}:{port}: {error.strerror}. Choose another --port; 0 finds one."
        ) from None
    return opened
