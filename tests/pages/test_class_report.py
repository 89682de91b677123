"""``autograder report``: what an instructor learns about a class, and what Canvas and Moodle get."""

import base64
import csv
import io
import math
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from nbgrader.api import Gradebook

from autograder.cli import main
from autograder.course import Course, CourseError
from autograder.hosts import lms
from autograder.hosts.nbgrader.read_class import read_class
from autograder.messages import Message, kind_of, quote, say
from autograder.pages import class_report
from autograder.pages.class_report import distribution, misconceptions
from autograder.results import ODDITIES, Oddity
from tests.conftest import copy_course
from tests.made_up_class import ASSIGNMENT, MadeUpClass
from tests.parsed_page import Page

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own, at each new submission

FIRST, SECOND, THIRD, RACE = (
    "1-build-optimizers",
    "2-decay-groups",
    "3-learning-rate-groups",
    "4-three-way-race",
)
REFERENCE = {"SGD": [2.0, 0.5], "Adam": [2.0, 1.0], "AdamW": [2.0, 1.25]}
NASTY = "<img src=x onerror=alert(1)>"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def empty_class(tmp_path_factory):
    """A course folder with a gradebook; tests copy it."""
    root = copy_course(tmp_path_factory.mktemp("made_up") / "course")
    made_up = MadeUpClass(root)
    made_up.add_assignment()
    made_up.gradebook.close()
    return root


@pytest.fixture
def made_up(empty_class, tmp_path):
    made_up = MadeUpClass(Path(shutil.copytree(empty_class, tmp_path / "course")))
    yield made_up
    made_up.gradebook.close()


def read(made_up: MadeUpClass):
    return read_class(Course(made_up.root), ASSIGNMENT)


def by_hand(made_up: MadeUpClass) -> str:
    """The answer of the last lesson that is graded by hand."""
    cells = made_up.gradebook.find_notebook(RACE, ASSIGNMENT).grade_cells
    (name,) = (cell.name for cell in cells if cell.name not in made_up.exercises[RACE].points)
    return name


def test_the_gradebook_decides_the_score_and_lateness_lowers_it(made_up):
    made_up.add("ada", made_up.grade(FIRST), penalty=1.5)
    made_up.add("ada", made_up.grade(RACE), {by_hand(made_up): 1.5})
    made_up.add("ben", made_up.grade(FIRST, {"build_sgd": "expected SGD, found Adam"}))
    ada, ben = read(made_up).students
    assert (ada.state, ada.score, ada.penalty) == ("final", 12 + 12 + 1.5 - 1.5, 1.5)
    assert (ben.state, ben.score) == ("final", 9)
    assert {name: result.state for name, result in ben.exercises.items()} == {
        FIRST: "final",
        SECOND: "missing",
        THIRD: "missing",
        RACE: "missing",
    }


def test_points_that_are_given_by_hand_are_waited_for(made_up):
    made_up.add("ada", made_up.grade(RACE))
    (ada,) = read(made_up).students
    assert (ada.state, ada.score) == ("waiting", 12)
    assert ada.exercises[RACE].reason == f"points by hand: {by_hand(made_up)}"


def test_what_could_not_be_graded_has_no_score_until_someone_gives_one(made_up):
    made_up.add("ada", made_up.grade(SECOND))
    made_up.add("ada", made_up.review(FIRST, "It is not JSON."))
    results = read(made_up)
    assert results.needs_review == [("ada", FIRST, "It is not JSON.")]
    assert results.students[0].score is None
    given = dict.fromkeys(made_up.exercises[FIRST].points, 2.0)
    made_up.add("ada", made_up.review(FIRST, "It is not JSON."), given)
    (ada,) = read(made_up).students
    assert (ada.state, ada.score) == ("final", 10 + 8)


def test_a_gradebook_that_disagrees_with_the_notebooks_settles_nothing(made_up):
    made_up.add("ada", made_up.grade(FIRST))
    made_up.add("ben", made_up.grade(FIRST)).write_text('{"metadata": {}}')
    made_up.add("cho", made_up.grade(FIRST)).write_text("{")
    made_up.hand_in("dee", FIRST)
    with Gradebook(f"sqlite:///{made_up.root / 'gradebook.db'}") as gradebook:
        gradebook.find_submission_notebook(FIRST, ASSIGNMENT, "ada").grades[0].auto_score = 1
        gradebook.db.commit()
    made_up.autograded("eve", FIRST).parent.mkdir(parents=True)
    made_up.autograded("eve", FIRST).write_bytes(made_up.autograded("ada", FIRST).read_bytes())
    reasons = {student: reason for student, _, reason in read(made_up).needs_review}
    assert "another score for" in reasons["ada"]
    assert "holds no grade" in reasons["ben"] and "holds no grade" in reasons["cho"]
    assert "Not autograded yet" in reasons["dee"]
    assert "no scores for it" in reasons["eve"]
    assert all(reason.endswith(f"Run: autograder autograde {ASSIGNMENT}") for reason in reasons.values())


def found_rate(found: float | str, name: str = "lr") -> Message:
    return say("expected {name} = {wanted}, found {name} = {found}", name=name, wanted=0.1, found=found)


def test_misconceptions_are_grouped_by_template_and_names(made_up):
    made_up.add("ada", made_up.grade(FIRST, {"build_sgd": found_rate(0.01)}))
    made_up.add("ben", made_up.grade(FIRST, {"build_sgd": found_rate(3e-5)}))
    made_up.add("cho", made_up.grade(FIRST, {"build_sgd": say("expected an optimizer, found {found}", found="None")}))
    first, second = misconceptions(read(made_up))
    assert (first.students, first.sentence) == (["ada", "ben"], "build_sgd works.")
    assert (second.students, second.example) == (["cho"], "expected an optimizer, found None")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (found_rate(-1e-3), found_rate(2.5), True),
        (found_rate(0.1, "momentum"), found_rate(0.1), False),
        (found_rate(float("nan")), found_rate(0.1), False),
        (say("found {what}", what=found_rate(1)), say("found {what}", what=found_rate(2)), True),
        (say("found {what}", what=found_rate(1)), say("found {what}", what=found_rate(1, "eps")), False),
        (say("found {names}", names=["Adam"]), say("found {names}", names=["AdamW"]), False),
        (say("found {names}", names=["a", 2]), say("found {names}", names=["a", 3]), True),
        (say("raised {error}", error=quote("at 0x1")), say("raised {error}", error=quote("at 0x2")), True),
    ],
)
def test_numbers_and_students_words_are_left_out_of_a_kind(one, other, same):
    assert (kind_of(one) == kind_of(other)) is same


def test_scores_on_a_border_belong_to_the_upper_tenth():
    assert distribution([0, 0.3, 3, 29.9, 30], most=30) == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert distribution([0.7 * 12], most=12)[7] == 1  # 10 * 8.4 / 12 is a little under 7


def test_pass_rates_leave_out_checks_that_could_not_be_made(made_up):
    made_up.add("ada", made_up.grade(FIRST, {"build_sgd": "no"}))
    made_up.add("ben", made_up.grade(FIRST))
    made_up.add("cho", made_up.review(FIRST, "trouble"))
    rates = class_report.check_rates(read(made_up))
    assert [(rate.function, rate.passed, rate.checked, rate.percent) for rate in rates[FIRST]][:2] == [
        ("build_sgd", 1, 2, 50),
        ("build_adam", 2, 2, 100),
    ]


@pytest.fixture
def busy(made_up):
    """A class with something of everything, from students who try to write markup."""
    made_up.add_student("absent")
    made_up.add(NASTY, made_up.grade(FIRST, {"build_sgd": f"found {SCRIPT}\x1b[31m"}, seconds=1.25))
    made_up.add("ben okri", made_up.review(FIRST, f"odd file: {SCRIPT}"))
    made_up.add_student("김민준", first_name=NASTY, last_name="김", email="kim@example.org", lms_user_id="17")
    made_up.add("김민준", with_curves(made_up.grade(RACE), {"SGD": [2.0, 9.0], "Adam": [2.0, 1.001], NASTY: [1.0]}))
    return made_up


def with_curves(grade, curves):
    """The Grade, with loss curves at its first check."""
    first = replace(grade.checks[0], curves=list(curves.items()), reference=list(REFERENCE.items()))
    return replace(grade, checks=[first, *grade.checks[1:]])


@pytest.mark.slow
def test_the_curves_of_the_class_lie_over_each_other(made_up):
    for student, curves in (
        ("ada", REFERENCE),
        ("ben", {**REFERENCE, "SGD": [2.0, 0.52]}),
        ("cho", {"SGD": [2.0, None], "Adam": [2.0, 1.009]}),
    ):
        made_up.add(student, with_curves(made_up.grade(RACE), curves))
    made_up.add("dee", made_up.grade(RACE))
    results = read(made_up)
    (races,) = class_report.races(results)
    assert list(races.students) == ["ada", "ben", "cho"]
    assert races.ends() == [
        ("SGD", 0.5, 1, ["ben", "cho"]),
        ("Adam", 1.0, 3, []),
        ("AdamW", 1.25, 2, ["cho"]),
    ]
    assert "ben, cho" in Page(class_report.render(results)).text
    for name, image in races.images.items():
        assert f">{name}<" in base64.b64decode(image.partition(",")[2]).decode()
    alone = replace(races, students={"ada": REFERENCE})
    assert alone.images == replace(races, students={"ada": REFERENCE}).images
    assert all(alone.images[name] != races.images[name] for name in ("SGD", "Adam"))
    wiggles = {name: [1 + math.sin(step) for step in range(100)] for name in REFERENCE}
    crowd = replace(races, students={f"kim{number}": wiggles for number in range(200)})
    assert sum(map(len, crowd.images.values())) < 400_000


@pytest.mark.slow
def test_two_hundred_students_with_one_name_are_told_apart(made_up):
    for number in range(200):
        made_up.add_student(f"kim{number}", first_name="Minjun", last_name="Kim")
        if number < 3:
            made_up.add(f"kim{number}", made_up.grade(FIRST, {"build_sgd": "no"} if number else None))
    results = read(made_up)
    page = Page(class_report.render(results)).text
    assert page.count("Minjun Kim") == 200 and "kim1, kim2" in page
    canvas = list(csv.reader(io.StringIO(lms.canvas(results))))[2:]
    assert len({row[3] for row in canvas}) == 200 and {row[0] for row in canvas} == {"Kim, Minjun"}
    assert {row[3]: row[5] for row in canvas if row[5]} == {"kim0": "12", "kim1": "9", "kim2": "9"}
    assert len(list(csv.reader(io.StringIO(lms.moodle(results))))) == 201


@pytest.mark.slow
def test_what_one_student_adds_to_the_page_is_bounded(made_up):
    """So the page needs no budget of its own: it grows with the class, whatever students write."""
    oddities = [Oddity(kind, "test_build_sgd", "raw") for kind in ODDITIES] * 2
    sizes = {}
    for number in range(6):
        functions = dict.fromkeys(("build_sgd", "build_adam", "build_adamw", "decay_pull"), f"{'<&' * 200_000}{number}")
        curves = [(name, [float(number)] * len(losses)) for name, losses in REFERENCE.items()]
        grade = made_up.grade(FIRST, functions)
        checks = [replace(check, curves=curves, reference=list(REFERENCE.items())) for check in grade.checks]
        made_up.add(f"s{number}", replace(grade, checks=checks, oddities=oddities))
        if number in (0, 5):
            sizes[number] = len(class_report.render(read(made_up)))
    assert sizes[0] < 250_000 and sizes[5] - sizes[0] < 5 * 16_000, sizes


IDS = [
    "../up",
    "=1+1",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("a/b", "ben okri", "김민준", 'a,b"c')),
]


@pytest.mark.parametrize("student", IDS)
def test_any_student_id_is_only_a_name(made_up, student):
    """A slash can come from the gradebook alone: no folder has such a name."""
    made_up.add("ada", made_up.grade(FIRST))
    made_up.add_student(student)
    results = read(made_up)
    assert {s.student: s.state for s in results.students} == {"ada": "final", student: "missing"}
    assert student in Page(class_report.render(results)).text
    for rows in (lms.canvas(results), lms.moodle(results)):
        assert [row for row in csv.reader(io.StringIO(rows)) if student in row]


def test_the_page_is_whole_and_holds_no_markup_of_students(busy):
    page = class_report.render(read(busy))
    parsed = Page(page)
    assert not parsed.all("script") and "<script" not in page and "\x1b" not in page
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in parsed.all("img"))
    assert parsed.text.count(SCRIPT) == 2
    for student in (NASTY, "absent", "ben okri", "김민준"):
        assert student in parsed.text
    assert all(link["href"].startswith("#") for link in parsed.all("a")) and not parsed.all("link")
    assert "://" not in page and "url(" not in page  # nothing from elsewhere
    (policy,) = [meta["content"] for meta in parsed.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy


def test_the_page_can_be_read_aloud(busy):
    parsed = Page(class_report.render(read(busy)))
    assert all(image["alt"] for image in parsed.all("img")) and len(parsed.all("img")) == 5
    assert f"{FIRST}: 70 to 80 %: 1." in parsed.all("img")[1]["alt"]
    headings = parsed.all("th")
    assert headings and all(heading["scope"] in ("col", "row", "rowgroup") for heading in headings)
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    links = [link["href"] for link in parsed.all("a")]
    labels = [section["aria-labelledby"] for section in parsed.all("section")]
    assert sorted(ids) == sorted(labels) == sorted(link.removeprefix("#") for link in links)
    assert [attributes for tag, attributes in parsed.tags if tag == "html"] == [{"lang": "en"}]


def test_the_same_class_makes_the_same_page(busy):
    assert class_report.render(read(busy)) == class_report.render(read(busy))


def test_no_line_of_the_files_for_canvas_and_moodle_is_a_made_up_zero(busy):
    results = read(busy)
    canvas, moodle = (list(csv.reader(io.StringIO(text))) for text in (lms.canvas(results), lms.moodle(results)))
    assert canvas[:2] == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", ASSIGNMENT],
        ["    Points Possible", "", "", "", "", "48"],
    ]
    assert canvas[2:] == [
        [NASTY, "", "", NASTY, "", "9"],
        ["absent", "", "", "absent", "", ""],
        ["ben okri", "", "", "ben okri", "", ""],
        [f"김, {NASTY}", "17", "", "김민준", "", ""],
    ]
    assert moodle[0] == ["Username", ASSIGNMENT, f"{ASSIGNMENT} (feedback)"]
    assert [row[:2] for row in moodle[1:]] == [[NASTY, "9"], ["absent", "-"], ["ben okri", "-"], ["김민준", "-"]]
    feedback = {row[0]: row[2] for row in moodle[1:]}
    assert feedback["absent"] == "Nothing was handed in."
    assert f"{FIRST}: needs review" in feedback["ben okri"]
    assert f"{RACE}: not all points are given yet" in feedback["김민준"]
    assert f"{FIRST}: 9 of 12" in feedback[NASTY]


def test_a_score_of_zero_that_was_earned_is_a_zero(made_up):
    made_up.add("ada", made_up.grade(FIRST, dict.fromkeys(made_up.exercises[FIRST].answers, "wrong")))
    results = read(made_up)
    assert lms.canvas(results).splitlines()[-1] == "ada,,,ada,,0"
    assert lms.moodle(results).splitlines()[-1].startswith("ada,0,")


def test_moodle_gets_a_column_that_identifies_students_only_when_all_have_it(made_up):
    made_up.add_student("ada", email="ada@example.org", lms_user_id="1")
    made_up.add_student("ben", email="ben@example.org")
    made_up.add("ada", made_up.grade(FIRST))
    assert lms.moodle(read(made_up)).splitlines()[0].split(",")[:2] == ["Username", "Email address"]


FORMULA = "=HYPERLINK(1)"
FETCHES = ["='book.ods'#$scores.A1", "=[book.ods]A1", "=A1:B9", "+\\\\host\\book", "@{a}", '="x"&A1']


@pytest.mark.parametrize(
    "name", [FORMULA, "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a;=1", "a\t@b", "＝1", "﹦1", " =1"]
)
def test_a_name_is_no_formula(made_up, name):
    made_up.add_student("ada", last_name=name)
    made_up.add("ada", made_up.grade(FIRST))
    (cell,) = [row[0] for row in csv.reader(io.StringIO(lms.canvas(read(made_up)))) if row[3] == "ada"]
    assert not re.search(r"(^|[;\t\r\n])\s*[=+\-@＝﹦]", cell) and cell not in (name, "")


@pytest.mark.parametrize("login", ["+4912345", "-ada", "@ada", "=ada", "o'hara+1", "ada=b", "jean-luc", "ben okri"])
def test_an_identifier_stays_what_the_system_knows(made_up, login):
    made_up.add_student(login, lms_user_id=login, email=login)
    made_up.add(login, made_up.grade(FIRST))
    (row,) = [row for row in csv.reader(io.StringIO(lms.canvas(read(made_up)))) if row[5] == "12"]
    assert (row[1], row[3]) == (login, login)
    assert list(csv.reader(io.StringIO(lms.moodle(read(made_up)))))[1][:3] == [login] * 3


@pytest.mark.parametrize("login", [FORMULA, "-1+cmd|' ' !A0", "@SUM(A1)", "a;=f(1)", *FETCHES])
def test_an_identifier_calls_no_program(made_up, login):
    made_up.add_student(login)
    made_up.add(login, made_up.grade(FIRST))
    for text in (lms.canvas(read(made_up)), lms.moodle(read(made_up))):
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert not [cell for cell in cells if re.search(r"(^|;)[=+\-@].", cell)]


def run(made_up: MadeUpClass, *arguments: str):
    return CliRunner().invoke(main, ["report", *arguments, "--course", str(made_up.root)])


def test_the_command_writes_three_files_and_names_what_needs_review(busy):
    result = run(busy, "--canvas-column", "Lab (123)")
    assert result.exit_code == 0, result.output
    assert f"ben okri/{FIRST} needs review" in result.stderr
    folder = busy.root / "report"
    assert sorted(path.name for path in folder.iterdir()) == [
        "optimizers-canvas.csv",
        "optimizers-moodle.csv",
        "optimizers.html",
    ]
    assert (folder / "optimizers-canvas.csv").read_text().splitlines()[0].endswith(",Lab (123)")
    other = busy.root / "deep" / "page.html"
    assert run(busy, ASSIGNMENT, "--output", str(other)).exit_code == 0
    assert other.read_text() == (folder / "optimizers.html").read_text()


def test_a_class_that_has_handed_in_nothing_is_told_so(made_up):
    result = run(made_up)
    assert result.exit_code == 2
    assert "Nobody has handed in optimizers" in result.stderr and "Run: nbgrader collect" in result.stderr
    exercise = made_up.exercises[FIRST]
    path = made_up.root / "submitted" / "ada" / exercise.source.name  # the folder of the assignment is left out
    path.parent.mkdir(parents=True)
    shutil.copy(exercise.source, path)
    result = run(made_up)
    assert result.exit_code == 2
    assert f"ada/{FIRST}: it lies at {path}, where nothing is graded." in result.stderr


def test_an_assignment_that_is_not_there_is_named(made_up):
    result = run(made_up, "calculus")
    assert result.exit_code == 2
    assert "There is no assignment calculus in source/. There is: optimizers." in result.stderr


@pytest.mark.slow
def test_the_gradebook_of_another_course_is_refused(made_up):
    made_up.add("ada", made_up.grade(FIRST))
    made_up.gradebook.close()
    database = made_up.root / "gradebook.db"
    database.unlink()
    with Gradebook(f"sqlite:///{database}") as other:
        other.add_assignment("calculus")
    with pytest.raises(CourseError, match="gradebook of another course"):
        read(made_up)
    database.write_bytes(b"this is no database" * 100)
    with pytest.raises(CourseError, match="can't be read"):
        read(made_up)
    database.unlink()
    with pytest.raises(CourseError, match="There is no gradebook"):
        read(made_up)
    assert not database.exists()


@pytest.mark.slow
def test_a_browser_shows_the_page(busy, tmp_path):
    """Chromium lays it out without a script, and prints it on a few pages."""
    assert run(busy).exit_code == 0
    page, printed = busy.root / "report" / "optimizers.html", tmp_path / "page.pdf"
    subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--print-to-pdf={printed}", page.as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
    )
    pages = len(re.findall(rb"/Type /Page\b", printed.read_bytes()))
    assert 1 <= pages <= 6


def test_grades_of_an_older_version_of_the_lesson_are_told(made_up):
    """After a check was mended and only some were graded again, nobody is left to guess which."""
    made_up.add("ada", made_up.grade(FIRST))
    made_up.add("ben", replace(made_up.grade(FIRST), version="older"))
    results = read_class(Course(made_up.root))
    assert results.outdated() == {FIRST: ["ben"]}
    text = " ".join(Page(class_report.render(results)).text.split())
    assert f"1 grade of {FIRST} was made by an older version of the lesson than there is now: ben." in text
    done = run(made_up)
    assert f"Grades of {FIRST} made by an older version of the lesson: ben." in done.stderr
