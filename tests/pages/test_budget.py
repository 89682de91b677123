"""Pages of bounded size and time, whatever a notebook holds."""

import base64
import struct
import time
import zlib

import pytest
from nbformat import v4 as new

from autograder.grading.in_notebook import put_grade
from autograder.pages import budget
from autograder.pages.budget import MAX_PICTURES, Budget
from autograder.pages.feedback_page import render
from autograder.pages.harmless import code, markdown
from autograder.pages.pictures import read
from autograder.results import Grade
from tests.parsed_page import Page

SECONDS = 20
"""Of CPU time for one text, on a slow and busy machine; each of these took minutes, or longer, before."""
MAX_BYTES = 32_000_000


def page_of(exercise, *cells) -> str:
    """The feedback page of a notebook of these cells."""
    notebook = new.new_notebook()
    notebook.cells = list(cells)
    put_grade(notebook, Grade("…", exercise.assignment, exercise.name, "graded", None, exercise.max_score, 0.1))
    return render(notebook, exercise, {"score": 0.0, "max_score": 12.0, "late_penalty": 0.0})


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes, depth: int = 1, interlaced: int = 0) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, interlaced))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def jpeg(width: int, height: int, *before: bytes, scans: int = 1) -> bytes:
    frame = b"\xff\xc2\0\x0b\x08" + struct.pack(">HH", height, width) + b"\1\1\x11\0"
    return b"\xff\xd8" + b"".join(before) + frame + b"\xff\xda\0\x08\1\1\0\0\x3f\0\0" * scans + b"\xff\xd9"


def two_jpegs(bare: int) -> bytes:
    """One of 65,000 pixels each way to what knows that a marker has no length, and else one of 4."""
    large = jpeg(65_000, 65_000)[2:]
    skipped = int.from_bytes(large[:2]) - 2
    return b"\xff\xd8\xff" + bytes([bare]) + large.ljust(skipped + 2, b" ") + jpeg(4, 4)[2:]


def as_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


# --- seconds ------------------------------------------------------------------------------------------------------

MARKDOWN = {
    "bullets": "* " * 64_000,
    "blanks in a heading": "# a" + " " * 100_000 + "b",
    "nested emphasis": "**a " * 25_000 + "a**" * 25_000,
    "open links": "[a](" * 25_000,
    "brackets": "[" * 50_000 + "]" * 50_000,
    "ticks": "".join("`" * n + "a" for n in range(450)),
    "deep list": "".join("  " * n + "- a\n" for n in range(400)),
    "deep quote": "".join(">" * n + "a\n" for n in range(450)),
    "wide table": "|" + "a|" * 10_000 + "\n|" + "-|" * 10_000 + "\n" + ("|" + "b|" * 10_000 + "\n") * 3,
    "open HTML": "<a <!-- <![CDATA[ <? " * 5_000,
    "entities": "&#x41;&amp;&" * 10_000,
    "formulas": "$a$ $$ $" * 12_000,
    "footnotes": "[^a]" * 20_000 + "\n\n[^a]: b\n",
    "references": "[a]: http://" + "x" * 60_000 + "\n\n" + "[a] " * 10_000,
    "one word": "a" * 300_000,
    "letters of four bytes": "\U0001f600" * 300_000,
}
CODE = {
    "names of characters": '"' + "\\N{" * 80_000,
    "f-strings": "f'{" * 50_000,
    "blanks at lines' ends": "  \n" * 50_000 + "x",
    "blank lines of odd blanks": "x\n" + "\u2003\n\t" * 30_000 + "x",
    "quotes": "'''" + '"' * 100_000,
    "brackets": "[({" * 40_000,
    "one number": "0x" + "1_" * 60_000,
    "escapes": "\x1b[" + "0;" * 60_000,
}


@pytest.mark.parametrize(
    ("make", "source"),
    [
        *(pytest.param(markdown, source, id=f"markdown: {name}") for name, source in MARKDOWN.items()),
        *(pytest.param(code, source, id=f"code: {name}") for name, source in CODE.items()),
    ],
)
def test_any_text_is_shown_in_bounded_time_and_bytes(make, source):
    budgeted = Budget()
    started = time.process_time()
    html = make(source, budget=budgeted)
    assert time.process_time() - started < SECONDS
    assert len(html) < 3_000_000
    assert budgeted.is_short and "\x1b" not in html  # each is long enough to be shown as it was typed


HARDEST = {
    "markdown": lambda n: "# a" + " " * (n - 4) + "b",
    "markdown, nested": lambda n: "**a " * (n // 7) + "a**" * (n // 7),
    "code": lambda n: ("\\N{" * n)[:n],
    "code, blanks": lambda n: (" \n" * n)[: n - 1] + "x",
}


@pytest.mark.parametrize("name", HARDEST)
@pytest.mark.slow
def test_the_hardest_texts_that_are_laid_out_stay_within_the_seconds(name):
    """One text as long as may be, and many that share the budget."""
    make = code if name.startswith("code") else markdown
    for length in (int(budget.MAX_WORK**0.5) - budget.PIECE, 2_000, 500):
        budgeted, started = Budget(), time.process_time()
        while not budgeted.is_short:
            make(HARDEST[name](length), budget=budgeted)
        assert time.process_time() - started < SECONDS, length


# --- bytes --------------------------------------------------------------------------------------------------------

BIG = "".join(chr(33 + n % 90) for n in range(90)) * 10_000
FIGURE = new.new_output("display_data", {"image/png": as_base64(png(640, 480)), "text/plain": "<Figure>"})
NOISE = as_base64(png(1, 1, chunk(b"zTXt", bytes(3_000_000))))


def showing(outputs: list):
    """A code cell that shows them. nbformat's own would try each against its schema: seconds, wherever this is read."""
    cell = new.new_code_cell("x")
    cell.outputs = outputs
    return cell


SWOLLEN = {
    "code": [new.new_code_cell(BIG)] * 10,
    "markdown": [new.new_markdown_cell(BIG)] * 10,
    "many cells": [new.new_code_cell("x")] * 30_000,
    "outputs of 10 MB": [showing([new.new_output("stream", text="<&\"'" * 2_500_000)])],
    "10,000 outputs": [showing([new.new_output("stream", text="'")] * 10_000)],
    "tracebacks": [showing([new.new_output("error", ename=BIG, evalue=BIG, traceback=[BIG] * 4)])],
    "names of errors": [showing([new.new_output("error", ename=BIG, evalue=BIG)])],
    "a heading in every figure": [
        new.new_markdown_cell("# " + "a" * 310_000),
        showing([FIGURE] * 1_000),
    ],
    "an attachment, again and again": [
        new.new_markdown_cell("![](attachment:a)" * 500, attachments={"a": {"image/png": NOISE}})
    ],
    "an attachment, by reference": [
        new.new_markdown_cell("[a]: attachment:a\n\n" + "![][a]" * 1_000, attachments={"a": {"image/png": NOISE}})
    ],
    "many pictures": [
        showing([new.new_output("display_data", {"image/png": NOISE})] * 20),
    ],
}


@pytest.mark.parametrize("name", SWOLLEN)
def test_a_page_is_bounded_and_says_what_it_lacks(name, exercise):
    started = time.process_time()
    page = page_of(exercise, *SWOLLEN[name])
    assert time.process_time() - started < 2 * SECONDS
    assert len(page.encode()) < MAX_BYTES
    assert name.startswith("a heading") or "has no room for all of your notebook" in page


def test_graded_cells_stand_on_the_page_whatever_comes_before(exercise):
    graded = new.new_markdown_cell("my answer")
    graded.metadata["nbgrader"] = {"grade_id": "w", "grade": True, "solution": True, "points": 2.0, "is_open": True}
    text = Page(page_of(exercise, *[new.new_code_cell(BIG)] * 3, new.new_markdown_cell("*forgotten*"), graded)).text
    assert "Your answer in words" in text and "has no room on this page" in text and "forgotten" not in text


def test_an_ordinary_notebook_is_shown_whole(exercise):
    page = page_of(exercise, *exercise.cells, *[new.new_code_cell("x = 1", outputs=[FIGURE])] * 20)
    assert "has no room" not in page and page.count("data:image/png") == 20


# --- pictures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        png(640, 480),
        png(640, 480, depth=16, interlaced=1),
        png(640, 480, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6)))),
        jpeg(640, 480),
        jpeg(640, 480, b"\xff\xe0\0\4ab", b"\xff\xff\xfe\0\3c", scans=10),
        png(640, 480, chunk(b"tEXt", b"a\0acTL")),
    ],
)
def test_the_size_of_a_picture_is_read_from_its_header(content):
    picture = read(content)
    assert picture is not None and (picture.width, picture.height) == (640, 480)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG",
        png(0, 1),
        png(100_000, 100_000),
        png(1, 2**31 - 1),
        png(4, 4, chunk(b"acTL", struct.pack(">II", 10_000, 0))),
        png(4, 4, chunk(b"tEXt", b"a\0IDAT"), chunk(b"acTL", struct.pack(">II", 10_000, 0))),
        png(4, 4, chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0))),
        png(4, 4, struct.pack(">I", 2**32 - 1) + b"tEXt"),
        jpeg(65_535, 65_535),
        jpeg(4, 4, scans=1_000),
        jpeg(4, 4)[:6],
        *(two_jpegs(marker) for marker in (0x01, 0xD0, 0xD7, 0xD8, 0xD9)),
        b"\xff\xd8\xff\xe0\0\0" * 100,
        b"GIF89a\x01\0\x01\0" + bytes(100),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"RIFF\0\0\0\0WEBPVP8 ",
    ],
)
def test_what_is_no_picture_of_a_sane_size_is_not_passed_on(content, exercise):
    assert read(content) is None
    text = as_base64(content)
    cells = [
        new.new_code_cell("x", outputs=[new.new_output("display_data", {"image/png": text, "text/plain": "<Figure>"})]),
        new.new_markdown_cell(f"![b](attachment:a) ![c](data:image/png;base64,{text})"),
    ]
    for kind in ("image/png", "image/jpeg", "image/gif"):
        cells.append(new.new_markdown_cell("![d](attachment:a)", attachments={"a": {kind: text}}))
    page = Page(page_of(exercise, *cells))
    assert not [image for image in page.all("img") if not image["src"].startswith("data:image/svg+xml;base64,")]
    assert "<Figure>" in page.text


def test_pictures_share_their_bytes_and_pixels():
    budgeted = Budget()
    large = as_base64(png(8_000, 7_000))
    assert budgeted.picture(large) and budgeted.picture(large) is None
    assert budgeted.picture(as_base64(png(10, 10)))
    assert Budget().picture("A" * (MAX_PICTURES + 1)) is None
