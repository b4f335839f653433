"""A Chromium without a window and without a network, to see what a page does."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

_T = TypeVar("_T")

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader",  # WebGL 2 without a graphics card
    "--host-resolver-rules=MAP * ~NOTFOUND",  # no name leads anywhere
)  # fmt: skip

#: How long anything on a page may take (s).
_PATIENCE = 60.0


class Browser:
    """A browser that looks at one page after another.

    Parameters
    ----------
    driver : selenium.webdriver.Chrome
    downloads : Path
        Where files go that a page saves.
    """

    def __init__(self, driver: Any, downloads: Path) -> None:  # noqa: ANN401 -- of selenium
        self.driver, self.downloads = driver, downloads

    def open(
        self, file: Path, *, width: int = 1280, height: int = 860, dark: bool = False, at: str = ""
    ) -> None:
        """Open a file from the disk, in a view of that size (CSS pixels)."""
        told = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", told)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        self.driver.get("about:blank")
        self.driver.get(file.as_uri() + at)

    def run(self, script: str, *values: object) -> Any:  # noqa: ANN401 -- JSON of any shape
        """Run a script in the page and return what it returns."""
        return self.driver.execute_script(script, *values)

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def press(self, keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains  # noqa: PLC0415

        ActionChains(self.driver).send_keys(keys).perform()

    def click(self, selector: str) -> None:
        """Click an element."""
        self.driver.find_element("css selector", selector).click()

    def drag(self, selector: str, right: int, down: int) -> None:
        """Drag the mouse from the middle of an element."""
        from selenium.webdriver.common.action_chains import ActionChains  # noqa: PLC0415

        element = self.driver.find_element("css selector", selector)
        chain = ActionChains(self.driver).move_to_element(element).click_and_hold()
        chain.move_by_offset(right, down).release().perform()

    def wait(self, what: Callable[[], _T]) -> _T:
        """Wait until something is so, and return it."""
        end = time.monotonic() + _PATIENCE
        while not (found := what()):
            assert time.monotonic() < end, "nothing came of it"
            time.sleep(0.05)
        return found

    def complaints(self) -> list[str]:
        """Return what went wrong since the last time, as the console of the page tells it."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE" or "Content Security Policy" in entry["message"]
        ]

    def requests(self) -> list[str]:
        """Return the addresses of all that was asked for since the last time."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def too_wide(self) -> int:
        """Return by how many pixels the page is wider than the view."""
        script = "return document.documentElement.scrollWidth - innerWidth"
        return int(self.run(script))

    def picture(self, selector: str) -> bytes:
        """Return what an element looks like, as PNG."""
        return bytes(self.driver.find_element("css selector", selector).screenshot_as_png)


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start a browser that keeps its things in a folder; skip the test if there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs Chromium and chromedriver")
    downloads = folder / "downloads"
    downloads.mkdir()
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*_FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.add_experimental_option(
        "prefs",
        {"download.default_directory": str(downloads), "download.prompt_for_download": False},
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(driver)
    running = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(running, downloads)
    finally:
        running.quit()
