"""The line to a service: https only, at a limited rate, patient with a busy service, and silent about keys."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential_jitter,
)

from privacy_faces.plugin import BusyError, MalformedAnswerError, MissingKeyError, UnreachableError, VerifierError
from privacy_faces_services.options import ServiceOptions

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_BUSY = (429, 500, 502, 503, 504)
_SHOWN = 80
_MOST_BYTES = 1 << 20  # true answers have some kilobytes
_PART = 1 << 14
_backoff = wait_exponential_jitter(multiplier=0.5, max=30)


class Line:
    """Posts forms to one endpoint.

    Args:
        name: of the service, for messages.
        options: timeout, retries, patience, rate.
        busy: whether an answer is a service's own way to ask for patience.

    Raises:
        VerifierError: for an endpoint that would carry images and keys in the clear.
    """

    def __init__(self, name: str, options: ServiceOptions, busy: Callable[[dict[str, Any]], bool]) -> None:
        parts = urlsplit(options.endpoint)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise VerifierError(
                f"Expected an https address for {name}, got {options.endpoint!r}: photos and keys must not travel in "
                "the clear."
            )
        self.name, self.options, self._busy = name, options, busy
        self._session = requests.Session()
        self._next = 0.0

    def post(self, fields: Any, files: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Status and JSON object of an answer, after as many attempts as it takes.

        Args:
            fields: the form's fields, or a function that makes them anew for each attempt (a signature is good for
                one).
            files: name -> file of a multipart form.

        Raises:
            UnreachableError, BusyError, MalformedAnswerError: of the last attempt.
        """
        attempts = Retrying(
            retry=retry_if_exception_type((BusyError, UnreachableError, MalformedAnswerError)),
            stop=stop_after_attempt(self.options.retries + 1) | stop_after_delay(self.options.patience),
            wait=self._wait,
            reraise=True,
        )
        return attempts(self._once, fields, files)

    def _once(self, fields: Any, files: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + 1 / self.options.rate
        try:
            answer = self._session.post(
                self.options.endpoint,
                data=fields() if callable(fields) else fields,
                files=files,
                timeout=self.options.timeout,
                allow_redirects=False,
                stream=True,
            )
            body = _read(answer, time.monotonic() + self.options.timeout)
        except requests.RequestException as error:
            # Neither the request nor its text is repeated: it holds the keys.
            reason = "no answer within the timeout" if isinstance(error, requests.Timeout) else "the connection failed"
            raise UnreachableError(
                f"{self.name} at {self.options.endpoint}: {reason} (timeout {self.options.timeout:g} s, "
                f"{self.options.retries} retries)."
            ) from None
        if answer.status_code in _BUSY:
            raise BusyError(
                f"{self.name}: HTTP {answer.status_code}, after {self.options.retries} retries.",
                _seconds(answer.headers.get("Retry-After")),
            )
        if len(body) > _MOST_BYTES:
            raise MalformedAnswerError(
                f"{self.name}: expected an answer of at most {_MOST_BYTES:,} bytes, found a longer one (HTTP "
                f"{answer.status_code})."
            )
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            found = body.decode("utf-8", "replace")[:_SHOWN]
            raise MalformedAnswerError(
                f"{self.name}: expected a JSON object, found {found!r} (HTTP {answer.status_code})."
            )
        if self._busy(content):
            raise BusyError(
                f"{self.name}: too many calls at a time, after {self.options.retries} retries. Now: "
                f"{self.options.rate:g} a second."
            )
        return answer.status_code, content

    def _wait(self, state: RetryCallState) -> float:
        """Seconds until the next attempt: as long as the service asks, and never beyond the patience."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait if isinstance(error, BusyError) else None
        left = max(0.0, self.options.patience - (state.seconds_since_start or 0.0))
        return min(left, _backoff(state) if asked is None else asked)


def _read(answer: requests.Response, deadline: float) -> bytes:
    """The body, decompressed, or its beginning where it is longer than any true answer.

    Raises:
        requests.Timeout: when it has not come by the deadline; the timeout of requests counts from byte to byte.
    """
    body = b""
    with answer:
        for part in answer.iter_content(_PART):
            body += part
            if len(body) > _MOST_BYTES:
                break
            if time.monotonic() > deadline:
                raise requests.Timeout
    return body


def key_from_environment(name: str, variables: tuple[str, ...]) -> tuple[str, ...]:
    """The values of the variables.

    Raises:
        MissingKeyError: naming those that are not set.
    """
    missing = [variable for variable in variables if not os.environ.get(variable)]
    if missing:
        raise MissingKeyError(
            f"{name} needs the environment variable{'s' if len(missing) > 1 else ''} {' and '.join(missing)}."
        )
    return tuple(os.environ[variable] for variable in variables)


def _seconds(header: str | None) -> float | None:
    try:
        seconds = math.inf if header is None else float(header)
    except ValueError:  # a date: the backoff will do
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
