"""Real JupyterLab servers with nbgrader's extensions, and a real browser, for the tests."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

PATIENCE = 120
"""Seconds that anything may take to show on a busy machine."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
COMPLAINT = re.compile(r"\[[EC] |\[\w+( \||\]) (ERROR|CRITICAL)\b|Traceback \(most recent call last\)")
NO_COMPLAINT = re.compile(r"\[C [^]]*\]( received signal 15, stopping)?\s*$")
"""Jupyter's own lines of level CRITICAL at its start, above its address, and at its end."""


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    """Start a headless Chromium. The test fails where none is installed."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.fail(f"This test drives a browser, and found none of {', '.join(BROWSERS)}: apt-get install chromium")
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Wait until the condition holds. For files and servers; playwright's ``expect`` waits for what is on a page."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE} s in vain for {what}"
        time.sleep(0.1)


class JupyterLab:
    """A JupyterLab server in one person's folder, with settings and data of its own, on a free port."""

    def __init__(self, folder: Path, state: Path, exchange: Path) -> None:
        """Start the server in ``folder``, which sees this nbgrader exchange; ``state`` is made and holds all else."""
        settings = state / "config"
        news = settings / "lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
        news.parent.mkdir(parents=True)
        news.write_text('{"fetchNews": "false", "checkForUpdates": false}')
        (settings / "nbgrader_config.py").write_text(f"c = get_config()\nc.Exchange.root = {str(exchange)!r}\n")
        own = {
            "HOME": state,
            "JUPYTER_CONFIG_DIR": settings,
            "JUPYTER_DATA_DIR": state / "data",
            "JUPYTER_RUNTIME_DIR": state / "runtime",
            "MPLCONFIGDIR": matplotlib.get_configdir(),  # or the first figure waits for a list of all fonts
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
        self._log = state / "server.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port=0"],
                cwd=folder,
                env={**kept, **{name: str(value) for name, value in own.items()}},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._notes = state / "runtime" / f"jpserver-{self._process.pid}.json"
        try:
            wait_for(self._answers, f"the server\n{self.log}")
        except BaseException:
            self.close()
            raise
        notes = json.loads(self._notes.read_text())
        self.url = f"{notes['url']}lab?token={notes['token']}"

    def _answers(self) -> bool:
        assert self._process.poll() is None, f"the server has ended\n{self.log}"
        try:
            with urllib.request.urlopen(json.loads(self._notes.read_text())["url"] + "api", timeout=PATIENCE):
                return True
        except (OSError, ValueError):
            return False

    def __enter__(self) -> JupyterLab:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server with its kernels and terminals."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return self._log.read_text()


def complaints(log: str) -> list[str]:
    """The errors in a server's log: lines of level ERROR or CRITICAL, and tracebacks."""
    return [line for line in log.splitlines() if COMPLAINT.search(line) and not NO_COMPLAINT.match(line)]
