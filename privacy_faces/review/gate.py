"""Who may speak to the page: whoever knows its address, from this machine."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# The browser itself refuses what would come from elsewhere. gradio writes styles and scripts into its page, and
# compiles templates.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]


class Gate:
    """An ASGI application in front of another one.

    It answers 403 to every request whose path does not begin with the token; whose Host is another name, as of a site
    that has its name lead to this machine; or that would bring a file.

    Args:
        app: lies behind it.
        token: first part of every path.
        hosts: what Host may be.
    """

    def __init__(self, app: App, token: str, hosts: frozenset[str]) -> None:
        self._app, self._token, self._hosts = app, token.encode(), hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, or refuse."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http" and self._allowed(scope):
            await self._app(scope, receive, _with_headers(send))
        else:
            await _refuse(scope, send)

    def _allowed(self, scope: Scope) -> bool:
        parts: list[str] = scope["path"].split("/")  # the path begins with /
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        known = len(parts) > 1 and secrets.compare_digest(parts[1].encode("utf-8", "replace"), self._token)
        return known and host in self._hosts and not any(part.startswith("upload") for part in parts[2:])


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            named = {name for name, _ in _HEADERS}
            kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in named]
            message["headers"] = [*kept, *_HEADERS]
        await send(message)

    return sending


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    body = b"Refused: open the whole address that privacy-faces review printed.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": [*headers, *_HEADERS]})
    await send({"type": "http.response.body", "body": body})
