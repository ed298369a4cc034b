"""A local server for the built page: on this machine only, its address printed, and opened where there is a screen."""

import functools
import os
import sys
import webbrowser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FIRST, LAST = 8765, 8785  # ports that are tried, in their order: a link made yesterday opens today


class Files(SimpleHTTPRequestHandler):
    """The files of a folder, as types that browsers run, and asked for anew each time."""

    extensions_map = {  # noqa: RUF012  as the base class has it; a system's own table may be wrong
        "": "application/octet-stream", ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".json": "application/json",
        ".wasm": "application/wasm", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8", ".md": "text/plain; charset=utf-8",
        ".zip": "application/zip",
    }  # fmt: skip

    def end_headers(self) -> None:
        """The headers, with ours."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *of: object) -> None:
        """Nothing: what the page loads is no news."""


def server(folder: Path) -> ThreadingHTTPServer:
    """A server of a folder, on the first free port."""
    for port in [*range(FIRST, LAST), 0]:
        try:
            return ThreadingHTTPServer(("127.0.0.1", port), functools.partial(Files, directory=str(folder)))
        except OSError:
            continue
    raise OSError("no port is free")


def serve(folder: Path) -> int:
    """Serve a folder until Ctrl-C; the exit status."""
    with server(folder) as running:
        address = f"http://127.0.0.1:{running.server_address[1]}/"
        on_screen = sys.platform in ("win32", "darwin") or any(
            os.environ.get(k) for k in ("DISPLAY", "WAYLAND_DISPLAY")
        )
        here = (
            "is open in your browser"
            if on_screen and webbrowser.open(address)
            else "waits for a browser at this address"
        )
        print(f"The playground {here}; Ctrl-C ends it.\n{address}", flush=True)
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            return 130
    return 0
