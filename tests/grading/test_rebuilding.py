"""Notebooks as other programs save them, and with small defects: what grading reads is there, so they are graded."""

import copy
import json
import warnings

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.authoring import specimens
from autograder.grading import reading
from autograder.grading.labels import grade_id
from autograder.grading.rebuilding import MINOR
from autograder.grading.submission import Submission

HALF = "\ud83d"
"""Half of an emoji."""


def markdown(content, place=0):
    return [cell for cell in content["cells"] if cell["cell_type"] == "markdown"][place]


def answer(content, name="build_sgd"):
    return next(cell for cell in content["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == name)


def each(content, change, kind=None):
    for cell in content["cells"]:
        if kind in (None, cell["cell_type"]):
            change(cell)


def as_format_3(content):
    notebook = nbformat.v4.downgrade(nbformat.from_dict(copy.deepcopy(content)))
    content.clear()
    content.update(json.loads(json.dumps(notebook)))


def as_two_sheets(content):
    as_format_3(content)
    cells = content["worksheets"][0]["cells"]
    content["worksheets"] = [{"cells": cells[:5], "metadata": {}}, {"cells": cells[5:]}]


def add(**parts):
    return lambda cell: cell.update(copy.deepcopy(parts))


def drop(*names):
    return lambda cell: [cell.pop(name, None) for name in names]


def lines(cell):
    cell["source"] = cell["source"].splitlines(keepends=True)


def end_lines_with(end):
    return lambda cell: cell.update(source=cell["source"].replace("\n", end))


PNG = "iVBORw0KGgo="
STREAM = {"output_type": "stream", "name": "stdout", "text": "x"}
WIDGETS = {"application/vnd.jupyter.widget-state+json": {"state": {"a": {"b": []}}}}

DEFECTS = {
    # what is missing
    "no outputs": lambda c: each(c, drop("outputs")),
    "no execution_count": lambda c: each(c, drop("execution_count")),
    "no metadata of a cell": lambda c: each(c, drop("metadata"), "markdown"),
    "no metadata of the notebook": lambda c: c.pop("metadata"),
    "no ids": lambda c: each(c, drop("id")),
    "some ids": lambda c: drop("id")(c["cells"][3]),
    "no nbformat_minor": lambda c: c.pop("nbformat_minor"),
    "no nbformat": lambda c: c.pop("nbformat"),
    "no version at all": lambda c: [c.pop(name) for name in ("nbformat", "nbformat_minor", "metadata")],
    "no source in a text": lambda c: c["cells"].append({"cell_type": "markdown", "metadata": {}}),
    "no type where the label has one": lambda c: drop("cell_type")(answer(c)),
    "no type where there are outputs": lambda c: [drop("cell_type")(x) for x in c["cells"] if "outputs" in x],
    # what is there and should not be
    "outputs on text": lambda c: each(c, add(outputs=[STREAM], execution_count=3), "markdown"),
    "an unknown key in each cell": lambda c: each(c, add(mine={"a": [1]}, _x=None)),
    "an unknown key in the notebook": lambda c: c.update(mine=[{"a": 1}]),
    "the keys of two formats": lambda c: each(c, add(input="1", prompt_number=1, language="python", collapsed=True)),
    "attachments on code": lambda c: each(c, add(attachments={"a.png": {"image/png": PNG}}), "code"),
    "an id in old minors": lambda c: c.update(nbformat_minor=2),
    "an empty cell": lambda c: c["cells"].insert(3, {}),
    "nothing as a cell": lambda c: c["cells"].insert(3, None),
    "a cell of an unknown type": lambda c: c["cells"].append({"cell_type": "sql", "metadata": {}, "source": "select"}),
    "a heading cell": lambda c: c["cells"].append(
        {"cell_type": "heading", "level": 2, "metadata": {}, "source": "a\nb"}
    ),
    "a heading of no level": lambda c: c["cells"].append({"cell_type": "heading", "level": "x", "source": "a"}),
    "worksheets beside cells": lambda c: c.update(worksheets=[]),
    # what has the wrong type or value
    "null metadata": lambda c: each(c, add(metadata=None), "markdown"),
    "a list as metadata": lambda c: each(c, add(metadata=[1]), "markdown"),
    "a list as the notebook's metadata": lambda c: c.update(metadata=[1]),
    "a kernelspec without its name": lambda c: c.update(metadata={"kernelspec": {"language": 3}, "authors": "x"}),
    "authors that are no list": lambda c: c.update(metadata={"authors": "me"}),
    "tags that are no list": lambda c: each(c, lambda cell: cell["metadata"].update(tags="a", collapsed="yes", name=3)),
    "tags that are there twice": lambda c: each(c, lambda cell: cell["metadata"].update(tags=["a", "a"])),
    "null outputs": lambda c: each(c, add(outputs=None), "code"),
    "a dict as outputs": lambda c: each(c, add(outputs={"0": STREAM}), "code"),
    "an output of no type": lambda c: each(c, add(outputs=[{"text": "x"}]), "code"),
    "an output of an unknown type": lambda c: each(c, add(outputs=[{"output_type": "pyout", "html": "x"}]), "code"),
    "a stream without its name": lambda c: each(c, add(outputs=[{"output_type": "stream", "text": "x"}]), "code"),
    "outputs that are texts": lambda c: each(c, add(outputs=["x", None]), "code"),
    "a text as execution_count": lambda c: each(c, add(execution_count="*"), "code"),
    "a negative execution_count": lambda c: each(c, add(execution_count=-1), "code"),
    "half an execution_count": lambda c: each(c, add(execution_count=1.5), "code"),
    "an id with a space": lambda c: add(id="a cell!")(c["cells"][3]),
    "an id that is too long": lambda c: add(id="a" * 65)(c["cells"][3]),
    "an empty id": lambda c: add(id="")(c["cells"][3]),
    "a null id": lambda c: add(id=None)(c["cells"][3]),
    "a number as id": lambda c: each(c, add(id=7)),
    "a list as id": lambda c: each(c, add(id=["a"])),
    "one id for all": lambda c: each(c, add(id="same")),
    "null as the source of a text": lambda c: add(source=None)(markdown(c)),
    "a null line": lambda c: c["cells"].append({"cell_type": "code", "metadata": {}, "source": ["a = 1\n", None]}),
    "half an emoji in a text": lambda c: add(source=f"a {HALF} b")(markdown(c)),
    "half an emoji in code": lambda c: c["cells"].append(
        {"cell_type": "code", "metadata": {}, "source": f"# {HALF}", "outputs": [], "execution_count": None}
    ),
    "half an emoji in an output": lambda c: each(c, add(outputs=[{**STREAM, "text": HALF}]), "code"),
    "half an emoji in a key": lambda c: each(c, add(**{HALF: HALF})),
    "half an emoji in metadata": lambda c: each(c, lambda cell: cell["metadata"].update({HALF: HALF}), "markdown"),
    "half an emoji in a label": lambda c: answer(c)["metadata"]["nbgrader"].update({HALF: HALF}),
    "a type in capitals": lambda c: each(c, lambda cell: cell.update(cell_type=cell["cell_type"].title())),
    "attachments that are no dict": lambda c: each(c, add(attachments=["a.png"]), "markdown"),
    "attachments of no kind": lambda c: each(c, add(attachments={"a.png": PNG}), "markdown"),
    "null attachments": lambda c: each(c, add(attachments=None), "markdown"),
    "a label with more in it": lambda c: answer(c)["metadata"]["nbgrader"].update(mine={"a": [1]}, points=None),
    "an old label": lambda c: [answer(c)["metadata"]["nbgrader"].pop(key, None) for key in ("schema_version", "task")],
    "a label from the future": lambda c: answer(c)["metadata"]["nbgrader"].update(schema_version=99),
    "a label of no version": lambda c: answer(c)["metadata"]["nbgrader"].update(schema_version="x", checksum=3),
    "a number that is none": lambda c: answer(c)["metadata"]["nbgrader"].update(points=float("nan")),
    "widgets": lambda c: c.update(metadata={"widgets": WIDGETS}),
    "another kernel": lambda c: c.update(metadata={"kernelspec": {"name": "ir", "display_name": "R"}}),
    # other formats and minors
    "lines": lambda c: each(c, lines),
    "Windows line ends": lambda c: each(c, end_lines_with("\r\n")),
    "old Mac line ends": lambda c: each(c, end_lines_with("\r")),
    "minor 0": lambda c: c.update(nbformat_minor=0),
    "minor 99": lambda c: c.update(nbformat_minor=99),
    "a negative minor": lambda c: c.update(nbformat_minor=-1),
    "a text as minor": lambda c: c.update(nbformat_minor="5"),
    "a half minor": lambda c: c.update(nbformat_minor=4.5),
    "a null minor": lambda c: c.update(nbformat_minor=None),
    "a text as version": lambda c: c.update(nbformat="4"),
    "a float as version": lambda c: c.update(nbformat=4.0),
    "a null version": lambda c: c.update(nbformat=None),
    "a version from the future": lambda c: c.update(nbformat=5, nbformat_minor=0),
    "the wrong version": lambda c: c.update(nbformat=3),
    "format 3": as_format_3,
    "format 3 in two sheets": as_two_sheets,
    "format 3 called 2": lambda c: [as_format_3(c), c.update(nbformat=2)],
    "format 3 without outputs": lambda c: [
        as_format_3(c),
        [drop("outputs", "language", "collapsed")(cell) for cell in c["worksheets"][0]["cells"]],
    ],
}


def text_of(content):
    """As a program would write it: json can hold half an emoji, and no number that is none."""
    return json.dumps(content)


def read(tmp_path, text):
    path = tmp_path / "1-build-optimizers.ipynb"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return reading.read(path)


def assert_is_what_we_write(notebook):
    """The format in full, so that what is written can be read again by anybody."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an id that had to be mended, too
        nbformat.validate(notebook, version=4, version_minor=MINOR)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, MINOR)
    nbformat.writes(notebook).encode()


def answers_in(notebook):
    return {name: cell.source for cell in notebook.cells if (name := grade_id(cell)) and not name.startswith("test_")}


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
def test_a_small_defect_costs_nothing(tmp_path, solution, exercise, defect):
    content = json.loads(nbformat.writes(solution, split_lines=False))
    for cell in content["cells"]:
        cell["source"] = "".join(cell["source"])
    defect(content)
    notebook = read(tmp_path, text_of(content))
    assert_is_what_we_write(notebook)
    assert answers_in(notebook) == answers_in(solution)
    assert notebook.metadata == {}
    submission = Submission.of(notebook, exercise, "x")
    assert [oddity.kind for oddity in submission.oddities if not oddity.kind.endswith("rules")] == []
    assert_is_what_we_write(submission.notebook)
    code = [cell.source for _, cell in submission.cells()]
    ours = [cell.source for _, cell in Submission.of(copy.deepcopy(solution), exercise, "x").cells()]
    assert [source for source in code if source in ours] == ours


ENCODINGS = {
    "Windows": lambda text: text.encode("cp1252", "replace"),
    "bytes that no encoding has": lambda text: text.encode().replace(b"\xc3\xb6", b"\x9d"),
    "a byte-order mark": lambda text: text.encode("utf-8-sig"),
    "halves of an emoji as bytes": lambda text: text.replace("ö", "\ud83d\ude00").encode("utf-8", "surrogatepass"),
}


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
def test_an_encoding_that_json_has_not_is_read(tmp_path, solution, exercise, encode):
    solution.cells.append(nbformat.v4.new_code_cell("# größer"))
    content = encode(nbformat.writes(solution))
    notebook = read(tmp_path, content)
    assert_is_what_we_write(notebook)
    assert answers_in(notebook) == answers_in(solution)
    assert notebook.cells[-1].source in ("# größer", "# gr\ufffd\u00dfer", "# gr\ufffdÃŸer", "# gr😀ßer")


def test_a_picture_in_a_text_is_kept_and_what_is_none_is_not(tmp_path, solution):
    solution.cells.append(nbformat.v4.new_markdown_cell("![a](attachment:a.png)"))
    solution.cells[-1].attachments = {"a.png": {"image/png": PNG, "x/y": {"a": 1}}, "b": {}, "c": {"image/png": 3}}
    cell = read(tmp_path, json.dumps(solution)).cells[-1]
    assert cell.attachments == {"a.png": {"image/png": PNG}}


def test_a_graded_notebook_of_an_earlier_run_claims_nothing(tmp_path, exercise, solution):
    """Of a student's metadata nothing is left in any format: a Grade could stand there."""
    solution.metadata["autograder"] = {"grade": {"score": 12}, "read": {"problem": None}}
    for version in (3, 4):
        nbformat.write(copy.deepcopy(solution), tmp_path / "1-build-optimizers.ipynb", version=version)
        assert reading.read(tmp_path / "1-build-optimizers.ipynb").metadata == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["minor 99", "outputs on text", "no outputs", "format 3", "a cell of an unknown type"])
def test_notebooks_with_defects_earn_full_marks(grader, exercise, solution, tmp_path, name):
    solution = specimens.without_examples(solution)
    solution.cells.append(nbformat.v4.new_markdown_cell("mine"))
    content = json.loads(nbformat.writes(solution))
    for cell in content["cells"]:
        cell["source"] = "".join(cell["source"])
    DEFECTS[name](content)
    (tmp_path / "1-build-optimizers.ipynb").write_text(text_of(content))
    grade = grader.grade(Submission.read(tmp_path / "1-build-optimizers.ipynb", exercise)).grade
    assert (grade.status, grade.score, grade.remarks) == ("graded", 12, [])


# --- any JSON that was a notebook once ---------------------------------------------------------------------------

SCALARS = st.one_of(
    *(st.none(), st.booleans(), st.integers(-5, 99), st.floats(), st.just(HALF)),
    st.sampled_from(["", "code", "markdown", "raw", "heading", "a\r\nb", "test_build_sgd", "build_sgd", "imports"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(["a", "source", HALF]), inside),
    max_leaves=5,
)


def places(part, before=()):
    """The ways to all parts of a notebook's JSON."""
    found = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in found:
        yield (*before, key)
        yield from places(value, (*before, key))


@given(data=st.data())
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
def test_each_change_of_the_json_is_graded_or_refused_with_a_sentence(tmp_path, exercise, data):
    notebook = specimens.unchanged(exercise)
    notebook.cells = [cell for cell in notebook.cells if grade_id(cell)][:4] + notebook.cells[:1]
    content = json.loads(nbformat.writes(notebook))
    for _ in range(data.draw(st.integers(1, 4))):
        way = data.draw(st.sampled_from(list(places(content)) or [()]))
        if not way:
            break
        inside = content
        for key in way[:-1]:
            inside = inside[key]
        change = data.draw(st.sampled_from(["drop", "replace", "rename", "repeat"]))
        if change == "drop":
            del inside[way[-1]]
        elif change == "rename" and isinstance(inside, dict):
            inside[data.draw(st.sampled_from(["source", "input", "metadata", "x", HALF]))] = inside.pop(way[-1])
        elif change == "repeat" and isinstance(inside, list):
            inside.append(copy.deepcopy(inside[way[-1]]))
        else:
            inside[way[-1]] = data.draw(VALUES)
    path = tmp_path / "1-build-optimizers.ipynb"
    path.write_text(json.dumps(content))
    submission = Submission.read(path, exercise, "x")
    if submission.problem is not None:
        assert submission.problem.endswith("submit again.")
        return
    assert_is_what_we_write(reading.read(path))
    assert_is_what_we_write(submission.notebook)
    assert all(map(str, submission.oddities))
    labels = [grade_id(cell) for cell in submission.notebook.cells if "nbgrader" in cell.metadata]
    assert len(labels) == len(set(labels)) and set(exercise.points) < set(labels)
