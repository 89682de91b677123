"""What students see of their practice: hints that grow stronger, and the record that ``lab.progress()`` shows."""

import datetime
import json
import os
import subprocess
import sys

import nbformat
import pytest
import torch

from autograder.course import Course
from autograder.grading.submission import Submission
from tests.conftest import ROOT
from tests.lab.conftest import LAB

EXERCISES = Course(ROOT).assignment().exercises


@pytest.fixture
def place(tmp_path, monkeypatch, modules):
    """Where the record lies; it is not there yet."""
    path = tmp_path / "kept" / "progress.json"
    monkeypatch.setenv("OPTIMIZERS_PROGRESS", str(path))
    monkeypatch.setattr(modules["lab_record"], "_session", modules["lab_record"].Record())
    monkeypatch.setattr(modules["lab_record"], "_trouble", None)
    return path


@pytest.fixture
def lab(modules, place):
    return modules["lab"]


@pytest.fixture
def days(modules, monkeypatch):
    """Call it with a day of November 2026 to make that today."""

    def be(day):
        monkeypatch.setattr(modules["lab_record"], "today", lambda: datetime.date(2026, 11, day))

    return be


@pytest.fixture
def shown(lab, modules, monkeypatch):
    """Call it with a function of the lab to get what it displays, as text and as HTML."""
    objects = []
    for module in ("lab_checks", "lab_progress"):
        monkeypatch.setattr(modules[module], "display", objects.append)

    def show(call, *args):
        assert call(*args) is None
        (found,) = objects
        objects.clear()
        return repr(found), found._repr_html_()

    return show


def build_sgd(params, lr=0.1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    return torch.optim.Adam(params, lr=lr, betas=betas)


def named(name, function):
    """The function under the name that the checks know."""
    function.__name__ = name
    return function


def without_settings():
    return named("build_sgd", lambda params, lr=0.1, momentum=0.9, weight_decay=1e-4: torch.optim.SGD(params, lr))


def hints(text):
    return [line.strip() for line in text.splitlines() if "hint: " in line]


# --- Hints -----------------------------------------------------------------------------------------------------------

FIRST = "hint: torch's own defaults differ from those in the def line"
STRONGER = "stronger hint: torch.optim.SGD has keyword arguments lr, momentum and weight_decay."


def test_the_hint_is_stronger_from_the_third_failure_in_a_row(lab, shown):
    texts = [hints(shown(lab.check, without_settings())[0]) for _ in range(4)]
    for text, begins in zip(texts, (FIRST, FIRST, STRONGER, STRONGER), strict=True):
        assert len(text) == 1
        assert text[0].startswith(begins)


def test_passing_begins_anew(lab, shown):
    for _ in range(3):
        shown(lab.check, without_settings())
    assert hints(shown(lab.check, build_sgd)[0]) == []
    (text,) = hints(shown(lab.check, without_settings())[0])
    assert text.startswith(FIRST)


def test_each_check_counts_for_itself(lab, shown):
    wrong_class = named("build_sgd", lambda params, lr=0.1, momentum=0.9, weight_decay=1e-4: torch.optim.Adam(params))
    for _ in range(2):
        shown(lab.check, without_settings())
    of_class, of_settings, of_groups = hints(shown(lab.check, wrong_class)[0])
    assert of_settings.startswith(STRONGER)
    assert of_class.startswith("hint: ") and of_groups.startswith("hint: ")


def test_a_check_that_does_not_run_keeps_its_count(lab, shown):
    def unwritten(params, lr=0.1, momentum=0.9, weight_decay=1e-4):
        raise NotImplementedError

    for function in (without_settings(), named("build_sgd", unwritten), without_settings()):
        text = shown(lab.check, function)[0]
    assert hints(text)[0].startswith(FIRST)
    assert hints(shown(lab.check, without_settings())[0])[0].startswith(STRONGER)


def test_a_crash_has_hints_too(lab, shown):
    crash = named("build_sgd", lambda params, **settings: 1 / 0)
    texts = [hints(shown(lab.check, crash)[0]) for _ in range(3)]
    assert texts[0] == texts[1] == ["hint: " + texts[0][0].removeprefix("hint: ")]
    assert "every check ends at an error" in texts[0][0]
    assert texts[2][0].startswith("stronger hint: call the function in a new cell")


def test_a_crash_of_one_check_alone_has_that_checks_hint(lab, shown):
    def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
        head = list(dict(model.named_children())[head_name].parameters())
        rest = [param for param in model.parameters() if all(param is not other for other in head)]
        return [{"params": rest, "lr": backbone_lr}, {"params": head, "lr": head_lr}]

    text = shown(lab.check, finetune_groups)[0]
    assert "error: KeyError: 'classifier'" in text
    assert hints(text) == ["hint: does the model have a module of this name?"]


def test_every_check_has_two_different_hints_and_no_line_of_a_solution(modules):
    public = modules["lab_checks"].PUBLIC_CHECKS
    answers = [name for exercise in EXERCISES.values() for name in exercise.answers]
    assert sorted(public) == sorted(answers)
    for exercise in EXERCISES.values():
        lines = solution_lines(exercise)
        assert lines
        for check in [check for name in exercise.answers for check in public[name]]:
            assert check.hints.first != check.hints.stronger
            for hint in (check.hints.first, check.hints.stronger):
                assert len(hint.split()) >= 4, check.name
                assert not [line for line in lines if line in hint.replace(" ", "")], check.name


def solution_lines(exercise):
    """What the reference solution writes, without spaces; short calls are named in the lesson as well."""
    cells = nbformat.read(exercise.source, as_version=4).cells
    found = [
        line.strip().removeprefix("return ").replace(" ", "")
        for cell in cells
        if "### BEGIN SOLUTION" in cell.source and cell.cell_type == "code"
        for line in cell.source.partition("### BEGIN SOLUTION")[2].partition("### END SOLUTION")[0].splitlines()
    ]
    return [line for line in found if len(line) > 20]


def test_a_public_check_needs_a_stronger_hint(modules):
    with pytest.raises(TypeError, match="stronger"):
        modules["lab_checks"].public_check("build_sgd", hint="a hint")


# --- Points, streak, badges ------------------------------------------------------------------------------------------


def earned(text):
    return [line.strip()[2:].partition(":")[0] for line in text.splitlines() if line.startswith("  ★")]


def test_without_a_record_there_is_an_empty_table_and_no_file(lab, shown, place):
    text, html = shown(lab.progress)
    assert "0 of 58 points, no streak yet, 0 of 8 badges" in text
    assert "no part of your grade" in text and "no part of your grade" in html
    assert str(place) in text and str(place) in html
    assert earned(text) == []
    assert not place.parent.exists()


def test_points_are_those_of_the_best_attempt(lab, shown):
    shown(lab.check, without_settings())
    assert "build_sgd: 2 of 3" in shown(lab.progress)[0]
    shown(lab.check, build_sgd)
    shown(lab.check, without_settings())
    text, html = shown(lab.progress)
    assert "build_sgd: 3 of 3, passed on " in text
    assert "Build optimizers: 3 of 13" in text
    assert "3 of 58 points" in text and "3 of 58 points" in html


def test_the_streak_counts_days_on_which_a_function_passed(lab, shown, days):
    def streak():
        return shown(lab.progress)[0].partition(" points, ")[2].partition(", ")[0]

    days(1)
    shown(lab.check, without_settings())
    assert streak() == "no streak yet"
    for day in (1, 2, 2):
        days(day)
        shown(lab.check, build_sgd)
    assert streak() == "a streak of 2 days"
    days(3)
    assert streak() == "a streak of 2 days"  # today is not over
    shown(lab.check, without_settings())
    days(4)
    assert streak() == "no streak yet"
    shown(lab.check, build_sgd)
    assert streak() == "a streak of 1 day"


def test_three_days_in_a_row_are_a_badge_for_good(lab, shown, days):
    for day in (1, 2, 4, 5):
        days(day)
        shown(lab.check, build_sgd)
    assert earned(shown(lab.progress)[0]) == ["First step"]
    days(6)
    shown(lab.check, build_sgd)
    days(20)
    assert earned(shown(lab.progress)[0]) == ["First step", "Three in a row"]


def test_persistence_is_a_badge(lab, shown):
    for _ in range(3):
        assert "Persistence" not in earned(shown(lab.progress)[0])
        shown(lab.check, without_settings())
    shown(lab.check, build_sgd)
    assert earned(shown(lab.progress)[0]) == ["First step", "Persistence"]


def test_two_failures_are_no_persistence_yet(lab, shown):
    for function in (without_settings(), without_settings(), build_sgd, without_settings(), build_sgd):
        shown(lab.check, function)
    assert earned(shown(lab.progress)[0]) == ["First step"]


def test_each_lesson_and_the_whole_unit_have_a_badge(lab, shown):
    lesson_badges = ["Optimizer builder", "Name sceptic", "Fine-tuner", "Fair judge"]
    for number, exercise in enumerate(EXERCISES.values()):
        solution = solved(exercise, lab)
        for name in exercise.answers:
            expected = ["First step"] * (number > 0 or name != exercise.answers[0]) + lesson_badges[:number]
            assert earned(shown(lab.progress)[0]) == expected
            text = shown(lab.check, solution[name])[0]
            assert "public checks passed." in text and "all " in text
    text, html = shown(lab.progress)
    assert "58 of 58 points" in text
    assert earned(text) == ["First step", *lesson_badges, "Whole distance"]
    assert html.count("★") == 6 and html.count("☆") == 2


def solved(exercise, lab):
    """The names that the reference solution defines; its examples and figures are left out."""
    namespace = {}
    for cell in nbformat.read(exercise.source, as_version=4).cells:
        if cell.id in ("imports", "layer_types", *exercise.answers):
            exec(cell.source.replace("import lab\n", ""), namespace)
    return namespace


def test_a_check_that_is_new_in_the_course_takes_no_badge_away(lab, shown, modules, monkeypatch):
    shown(lab.check, build_adam)
    checks = modules["lab_checks"].PUBLIC_CHECKS
    later = {**checks, "build_adam": [*checks["build_adam"], checks["decay_pull"][0]]}
    for module in ("lab_checks", "lab_progress"):
        monkeypatch.setattr(modules[module], "PUBLIC_CHECKS", later)
    text = shown(lab.progress)[0]
    assert "build_adam: 3 of 4, passed on" in text
    assert earned(text) == ["First step"]


def test_the_html_escapes_what_it_shows(lab, shown, tmp_path, monkeypatch):
    monkeypatch.setenv("OPTIMIZERS_PROGRESS", str(tmp_path / "<b>&" / "progress.json"))
    shown(lab.check, build_sgd)
    html = shown(lab.progress)[1]
    assert "&lt;b&gt;&amp;" in html and "<b>&" not in html


# --- The file --------------------------------------------------------------------------------------------------------


def test_the_record_holds_no_code_and_no_names(lab, shown, place):
    shown(lab.check, without_settings())
    shown(lab.check, build_adam)
    kept = json.loads(place.read_text())
    assert set(kept) == {"functions", "days"}
    assert kept["functions"]["build_sgd"] == {
        "best": ["sgd_class", "groups_win"],
        "passed_on": None,
        "failures": {"sgd_defaults": 1},
        "persisted": False,
    }
    assert kept["days"] == [kept["functions"]["build_adam"]["passed_on"]] == [datetime.date.today().isoformat()]


def test_deleting_it_loses_nothing_else(lab, shown, place):
    first = shown(lab.check, build_sgd)
    place.unlink()
    assert "0 of 58 points" in shown(lab.progress)[0]
    assert shown(lab.check, build_sgd) == first
    assert "3 of 58 points" in shown(lab.progress)[0]


BROKEN = [
    b"",
    b"{",
    b"[]",
    b"\xff\xfe",
    b'{"functions": {}}',
    b'{"functions": {"build_sgd": {"best": 1}}, "days": []}',
    b'{"functions": {}, "days": ["yesterday"]}',
    b'{"functions": {"f": {"best": [], "passed_on": null, "failures": {"c": Infinity}, "persisted": 0}}, "days": []}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_is_kept_aside(lab, shown, place, content):
    place.parent.mkdir()
    place.write_bytes(content)
    assert "it is broken" in shown(lab.progress)[0]
    assert place.read_bytes() == content
    text, html = shown(lab.check, build_sgd)
    notice = "The record of your progress was broken. It is kept as progress-broken-1.json, and a new one begins."
    assert text.splitlines()[-1] == notice and notice in html
    assert (place.parent / "progress-broken-1.json").read_bytes() == content
    assert notice not in shown(lab.check, build_sgd)[0]
    assert "3 of 58 points" in shown(lab.progress)[0]
    place.write_bytes(b"once more")
    assert "progress-broken-2.json" in shown(lab.check, build_sgd)[0]


UNWRITABLE = {
    "a file in place of the folder": "{tmp}/file/progress.json",
    "a folder of the kernel": "/sys/progress.json",
}


@pytest.mark.parametrize("path", UNWRITABLE.values(), ids=UNWRITABLE)
def test_checks_run_where_nothing_can_be_written(lab, shown, tmp_path, monkeypatch, path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("OPTIMIZERS_PROGRESS", path.format(tmp=tmp_path))
    texts = [hints(shown(lab.check, without_settings())[0])[0] for _ in range(3)]
    assert texts[0].startswith(FIRST) and texts[2].startswith(STRONGER)
    text = shown(lab.progress)[0]
    assert "2 of 58 points" in text
    assert f"The record belongs in {path.format(tmp=tmp_path)}, but this can't be " in text


def test_a_full_disk_leaves_the_record_as_it_was(lab, shown, place, modules, monkeypatch):
    shown(lab.check, build_sgd)
    before = place.read_bytes()

    def no_room(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(modules["lab_record"].json, "dump", no_room)
        assert "all 3 public checks passed" in shown(lab.check, build_adam)[0]
        text = shown(lab.progress)[0]
    assert place.read_bytes() == before
    assert sorted(path.name for path in place.parent.iterdir()) == ["progress.json", "progress.json.lock"]
    assert "3 of 58 points" in text and "this can't be written (No space left on device)" in text
    shown(lab.check, build_adam)
    text = shown(lab.progress)[0]
    assert "6 of 58 points" in text and "can't be" not in text


PRACTISE = """
import torch, lab
def {name}(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    return torch.optim.SGD(params, lr=0.5)
for _ in range(40):
    lab.check({name})
"""


def start(code, **environment):
    return subprocess.Popen(
        [sys.executable, "-B", "-c", code],
        cwd=LAB,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_two_notebooks_at_once_lose_nothing(place):
    names = ("build_sgd", "build_adam", "build_adamw")
    running = [start(PRACTISE.format(name=name), OPTIMIZERS_PROGRESS=str(place)) for name in names]
    for process in running:
        process.communicate(timeout=120)
        assert process.returncode == 0
    kept = json.loads(place.read_text())["functions"]
    assert {name: kept[name]["failures"].popitem()[1] for name in names} == dict.fromkeys(names, 40)


ONCE = PRACTISE.format(name="build_adam").replace("range(40)", "range(1)") + "lab.progress()"


def test_where_it_is_switched_off_no_record_is_kept(lab, shown, place, monkeypatch):
    monkeypatch.setenv("OPTIMIZERS_PROGRESS", "")
    shown(lab.check, build_sgd)
    assert "No record of your practice is kept here." in shown(lab.progress)[0]
    assert not place.parent.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"OPTIMIZERS_PROGRESS": ""},
        {"OPTIMIZERS_PROGRESS": "", "NBGRADER_EXECUTION": "validate"},
        {"NBGRADER_EXECUTION": "validate"},
    ],
    ids=["switched off", "both", "validated by nbgrader"],
)
def test_no_record_is_kept(tmp_path, environment):
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path / "matplotlib")}
    if "OPTIMIZERS_PROGRESS" not in environment:
        environment = {**environment, "OPTIMIZERS_PROGRESS": str(tmp_path / "progress.json")}
    output, _ = start(ONCE, **home, **environment).communicate(timeout=120)
    assert "hint: " in output
    assert ("ChecksFailed" in output) == ("NBGRADER_EXECUTION" in environment)
    assert ("No record of your practice is kept here." in output) == ("NBGRADER_EXECUTION" not in environment)
    assert list(tmp_path.rglob("*progress*")) == []


IN_A_GUEST = """
import os
place = os.environ.get("OPTIMIZERS_PROGRESS")
lab.check(build_sgd)
lab.progress()
os.environ["OPTIMIZERS_PROGRESS"] = "/usr/progress.json"
lab.check(build_sgd)
print("kept in", repr(place))
"""


@pytest.mark.slow
def test_a_submission_that_checks_itself_keeps_none(grader, exercise, solution):
    solution.cells.append(nbformat.v4.new_code_cell(IN_A_GUEST))
    graded = grader.grade(Submission.of(solution, exercise, "with checks of its own"))
    texts = [output.text for output in graded.outputs[len(solution.cells) - 1]]
    passed = "build_sgd: all 3 public checks passed."
    assert [text.splitlines()[0] for text in texts] == [
        passed,
        "No record of your practice is kept here.",
        passed,
        "kept in ''",
    ]
    assert graded.grade.score == exercise.max_score


@pytest.mark.slow
def test_by_default_it_lies_with_the_users_own_data(tmp_path):
    environment = {"HOME": str(tmp_path), "XDG_DATA_HOME": "", "MPLCONFIGDIR": str(tmp_path / "matplotlib")}
    code = "import os\ndel os.environ['OPTIMIZERS_PROGRESS'], os.environ['XDG_DATA_HOME']\n" + ONCE
    output, _ = start(code, **environment).communicate(timeout=120)
    kept = tmp_path / ".local" / "share" / "optimizers-course" / "progress.json"
    assert json.loads(kept.read_text())["functions"]["build_adam"]["failures"]
    assert "~/.local/share/optimizers-course/progress.json" in output
