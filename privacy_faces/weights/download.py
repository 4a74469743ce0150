"""One file over HTTP, with progress on stderr; a download that was interrupted goes on where it ended."""

from __future__ import annotations

from pathlib import Path

# Bytes; the last piece of a broken connection, shorter than this, is lost.
_CHUNK = 1 << 16
# Seconds to wait for a connection, and for the next bytes of it.
_TIMEOUT = (10, 60)


def download(url: str, path: Path) -> None:
    """Fetch `url` into `path`, whose folder is made; what an earlier attempt left there is kept if the server says that
    the file is still the same.

    Raises:
        OSError: (requests' exceptions among them) when the server cannot be reached, refuses, or stops before the end;
            the part that came stays.
    """
    import requests
    from tqdm import tqdm

    # The part is worth something only together with what told this version of the file from others.
    tag = path.with_name(f"{path.name}.tag")
    version = tag.read_text(encoding="utf-8") if tag.is_file() and path.is_file() else ""
    have = path.stat().st_size if version else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-", "If-Range": version} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
        if (
            answer.status_code == requests.codes.requested_range_not_satisfiable
            and answer.headers.get("Content-Range") == f"bytes */{have}"
        ):
            return  # all of it was there
        answer.raise_for_status()
        goes_on = answer.status_code == requests.codes.partial_content
        have = have if goes_on else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        path.parent.mkdir(parents=True, exist_ok=True)
        if not goes_on:
            path.unlink(missing_ok=True)
            tag.write_text(
                _tag(answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")), encoding="utf-8"
            )
        # disable=None: no bar where stderr is not a terminal.
        with (
            path.open("ab") as file,
            tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=path.name, disable=None) as bar,
        ):
            try:
                for chunk in answer.iter_content(_CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
            except requests.RequestException as error:
                here = f"{file.tell()} of {total or '?'} bytes"
                raise OSError(
                    f"the connection ended, with {here} here; the same command goes on from there ({error})"
                ) from error


def _tag(etag: str, modified: str) -> str:
    """What `If-Range` may name: a strong ETag, otherwise the date; a weak ETag does not promise the same bytes."""
    return modified if etag.startswith("W/") or not etag else etag
