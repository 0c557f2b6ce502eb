"""Look at a report in a real browser that has no network.

Writes a report of breast cancer, opens it in headless Chromium and checks what a reader
would notice: that the page is not blank, that its pictures are there, and that title
and sections are. No address in it may leave the file.

Run ``python docs/check_report.py [screenshot.png]``. With a path the screenshot stays.
"""

import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_proto import CBCClassifier
from sklearn_proto.inspection import report

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# No name is found, and what needs none meets a port that nothing listens on.
OFFLINE = ("--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9")
TITLE = "Breast cancer: <benign> & malignant"
SECTIONS = (
    "Accuracy",
    "Prototypes",
    "Reasoning",
    "Decisions",
    "Certified accuracy",
    "Parameters",
)
# Of the bars in the gallery of prototypes, and nowhere else.
CLASS_COLOURS = ("#3f90da", "#ffa90e")
WIDTH, HEIGHT = 1000, 2600
ADDRESSES = {"src", "href", "srcset", "poster", "action", "data", "xlink:href"}


class Dom(HTMLParser):
    """Headings, title and addresses of a document."""

    def __init__(self, text):
        super().__init__()
        self.title, self.sections, self.addresses = "", [], []
        self.scripts, self.inside = 0, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        self.scripts += tag == "script"
        if tag == "h2":
            self.sections.append("")
        self.addresses += [v for a, v in attrs if a in ADDRESSES]

    def handle_endtag(self, _):
        self.inside = None

    def handle_data(self, data):
        if self.inside == "title":
            self.title += data
        if self.inside == "h2":
            self.sections[-1] += data


def write(path):
    bunch = load_breast_cancer()
    labels = np.asarray(bunch.target_names)[bunch.target]
    X, rows, y, truth = train_test_split(
        bunch.data, labels, stratify=labels, random_state=0
    )
    model = make_pipeline(StandardScaler(), CBCClassifier(2, random_state=0)).fit(X, y)
    report(model, rows, truth, path, feature_names=bunch.feature_names, title=TITLE)


def browse(browser, file, folder, *what):
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
    profile = f"--user-data-dir={folder / 'profile'}"
    command = [browser, *flags, *OFFLINE, profile, *what, file.as_uri()]
    run = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=120
    )
    return run.stdout


def check_document(dom):
    assert dom.title == TITLE, dom.title
    assert tuple(dom.sections) == SECTIONS, dom.sections
    assert dom.scripts == 0
    outside = [a for a in dom.addresses if not a.startswith(("data:", "#"))]
    assert not outside, outside
    assert sum(a.startswith("data:image/png") for a in dom.addresses) >= 6


def check_screenshot(path):
    pixels = imread(path)[:, :, :3]
    assert pixels.shape[:2] == (HEIGHT, WIDTH), pixels.shape
    ink = (pixels < 0.9).any(axis=2)
    assert 0.01 < ink.mean() < 0.6, f"{ink.mean():.3f} of the page is not white"
    # From top to bottom: no half of the page may be missing.
    assert ink.reshape(10, -1).any(axis=1).all()
    for colour in CLASS_COLOURS:
        close = (np.abs(pixels - to_rgb(colour)) < 0.01).all(axis=2)
        assert close.sum() > 500, f"{close.sum()} pixels of {colour}"


def main(path=None):
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"no browser: install one of {', '.join(BROWSERS)}")
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        file, screenshot = folder / "report.html", folder / "report.png"
        write(file)
        check_document(Dom(browse(browser, file, folder, "--dump-dom")))
        size = f"--window-size={WIDTH},{HEIGHT}"
        browse(browser, file, folder, size, f"--screenshot={screenshot}")
        check_screenshot(screenshot)
        if path is not None:
            shutil.copy(screenshot, path)
        kilobytes = file.stat().st_size / 1024
    print(f"{browser} shows the report: {len(SECTIONS)} sections, {kilobytes:.0f} kB")


if __name__ == "__main__":
    main(*sys.argv[1:2])
