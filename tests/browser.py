"""A real browser without a window, driven through chromedriver as W3C's WebDriver page says."""

import base64
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

PATIENCE = 20  # seconds until chromedriver answers
#: A script that returns the texts of a page that are too pale, or too dark, to be read.
CONTRAST = """
const parse = text => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
const behind = element => {
  for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
};
const poor = [];
for (const element of document.querySelectorAll('body *')) {
  const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
  if (!own || element.closest('title')) continue;
  const style = getComputedStyle(element);
  const [a, b] = [light(parse(element.closest('svg') ? style.fill : style.color)), light(behind(element))];
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) poor.push(element.textContent.trim() + ' ' + ratio.toFixed(2));
}
return poor;
"""


class Browser:
    """One page at a time, which may reach nothing but files and this machine."""

    def __init__(self, driver: httpx.Client, session: str) -> None:
        self._driver = driver
        self._session = session

    def open(self, page: Path | str) -> None:
        """Show a file or an address, wait until it is there, and keep nothing of the page before."""
        self._post("url", {"url": page if isinstance(page, str) else page.as_uri()})

    def run(self, script: str, *arguments: object) -> Any:
        """What a JavaScript function's body returns. The page itself may have no script; this one is the driver's."""
        return self._post("execute/sync", {"script": script, "args": arguments})

    def emulate(self, *, width: int, height: int = 900, dark: bool = False, phone: bool = False) -> None:
        """Be a screen of this size and taste."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._devtools("Emulation.setEmulatedMedia", features=scheme)
        scale = 2 if phone else 1
        self._devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )

    def press(self, key: str) -> None:
        """Press a key, such as `\\ue004`, the tabulator."""
        keys = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._post("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": keys}]})

    def complaints(self) -> list[str]:
        """What stands in the console since it was last asked: refused styles, failed requests, no mere remarks."""
        return [entry["message"] for entry in self._post("se/log", {"type": "browser"}) if entry["level"] != "INFO"]

    def picture(self, file: Path) -> None:
        """Write the whole page as PNG."""
        size = self._devtools("Page.getLayoutMetrics")["cssContentSize"]
        clip = size | {"scale": 1}
        taken = self._devtools("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(taken["data"]))

    def _devtools(self, command: str, **parameters: object) -> Any:
        return self._post("goog/cdp/execute", {"cmd": command, "params": parameters})

    def _post(self, path: str, body: dict[str, object]) -> Any:
        answer = self._driver.post(f"/session/{self._session}/{path}", json=body)
        value = answer.json()["value"]
        assert answer.is_success, value
        return value


def driver_on_path() -> str | None:
    """Where chromedriver is, if it is here."""
    return shutil.which("chromedriver")


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start one, with a profile of its own in a folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = driver_on_path() or "chromedriver"
    with subprocess.Popen(
        [program, f"--port={port}", "--log-level=OFF"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as driver:
                session = _session(driver, profile)
                try:
                    yield Browser(driver, session)
                finally:
                    driver.delete(f"/session/{session}")
        finally:
            process.terminate()


def _session(driver: httpx.Client, profile: Path) -> str:
    # As root, and in a container with a small /dev/shm, Chromium runs only without these two.
    alone = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"]
    offline = ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    options = {"args": [*alone, *offline, f"--user-data-dir={profile}"]}
    wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            answer = driver.post("/session", json={"capabilities": {"alwaysMatch": wanted}})
        except httpx.ConnectError:
            # Its port is not open yet; nothing else tells.
            assert time.monotonic() < give_up, "chromedriver does not answer"
            time.sleep(0.05)
            continue
        value = answer.json()["value"]
        assert answer.is_success, value
        return str(value["sessionId"])
