"""The command line. Heavy imports wait until a command needs them."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path

import click

from autograder import __version__
from autograder.messages import in_line, printable


class NothingDone(click.ClickException):
    """Ends with its message, and with an exit code that "needs review" does not have."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))  # it may name a student's file


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Grade PyTorch exercise notebooks in a sandbox, with hidden pytest graders."""


_course = click.option(
    "--course",
    type=click.Path(file_okay=False, path_type=Path),
    help="The course folder; by default the one around the current folder, else the one this program came with.",
)
_unsafe = click.option(
    "--unsafe", is_flag=True, help="Run student code without a sandbox where none works. Shown on every result."
)


_workers = click.option(
    "--workers",
    type=click.IntRange(1),
    help="Processes that work side by side; by default one for each core, and fewer for a few notebooks.",
)
_dask = click.option("--dask", metavar="ADDRESS", help="Work on the Dask cluster whose scheduler has this address.")


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each submission, one a line.")
@_workers
@_dask
@click.option("--assignment", help="The assignment of notebooks that do not lie in a folder of its name.")
@click.option("--quick", is_flag=True, help="Do not run demonstration cells, as long as nothing needs them.")
@_course
@_unsafe
def grade(
    paths: tuple[Path, ...],
    as_json: bool,
    workers: int | None,
    dask: str | None,
    assignment: str | None,
    quick: bool,
    course: Path | None,
    unsafe: bool,
) -> None:
    """Grade notebooks, or folders of them, outside the gradebook.

    The assignment of a notebook is the folder above it, else --assignment, else the only one with such an exercise.
    Ends with exit code 0 when all were graded, 1 when some need review, 2 when nothing could be done.
    """
    from autograder.course import Course, CourseError
    from autograder.grading import batch
    from autograder.pages import terminal
    from autograder.sandbox.confinement import NoSandboxError

    try:
        found = Course.find(course)
        if assignment is not None:
            assignment = found.assignment(assignment).name
        files = batch.find_notebooks(paths)
        work = functools.partial(batch.grade_one, root=found.root, unsafe=unsafe, assignment=assignment, quick=quick)
        places = [path.absolute() for path in files] if dask else files  # a cluster's workers start elsewhere
        results = batch.in_order(batch.grade_all(work, places, workers, dask))
        grades = []
        for result in terminal.progress(results, len(files), "Grading"):
            grades.append(result.grade)
            if as_json:
                click.echo(json.dumps(result.grade.to_json()))
    except (CourseError, NoSandboxError, batch.LostWorkers) as error:
        raise NothingDone(str(error)) from error
    except KeyboardInterrupt:
        click.echo("Stopped. What was graded so far is above.", err=True)
        sys.exit(130)
    if not as_json:
        terminal.print_grades(grades)
    sys.exit(1 if any(result.status == "needs_review" for result in grades) else 0)


@main.command()
@click.argument("assignment")
@_workers
@_dask
@click.option("--force", is_flag=True, help="Grade everything again, even what was graded before.")
@click.option("--yes", is_flag=True, help="Write lowered scores without asking.")
@_course
@_unsafe
def autograde(
    assignment: str,
    workers: int | None,
    dask: str | None,
    force: bool,
    yes: bool,
    course: Path | None,
    unsafe: bool,
) -> None:
    """Grade all that was handed in to ASSIGNMENT, side by side, into nbgrader's gradebook.

    What was graded before is not graded again, as long as neither the notebook nor its graders have changed: a run
    that was interrupted goes on where it was. Scores that change are listed before they are written. Ends with exit
    code 0 when all is graded and written, 1 when something needs review, 2 when nothing could be done.
    """
    from autograder.course import Course, CourseError
    from autograder.grading.batch import LostWorkers
    from autograder.hosts.nbgrader.whole_class import Class
    from autograder.pages import terminal
    from autograder.sandbox.confinement import NoSandboxError

    try:
        with Class(Course.find(course), assignment, unsafe) as found:
            todo = found.todo(force)
            for submission, grade in terminal.grading_progress(found.grade(todo, workers, dask), len(todo)):
                if grade.status == "needs_review":
                    click.echo(in_line(f"{submission} needs review: {grade.reason}"), err=True)
            changes = found.changes()
            terminal.print_changes(changes)
            ask = any(change.lowers for change in changes) and not yes and sys.stdin.isatty()
            if ask and not click.confirm("Write these scores into the gradebook?"):
                click.echo("Nothing was written. The grades are kept: the same command asks again.", err=True)
                sys.exit(130)
            students = found.everybody() if force else found.unwritten()
            for _ in terminal.progress(found.write(students), len(students), "Writing"):
                pass
            terminal.print_class(found.summary(len(todo), len(students)))
    except (CourseError, NoSandboxError, LostWorkers) as error:
        raise NothingDone(str(error)) from error
    except KeyboardInterrupt:
        click.echo("Stopped. What was graded so far is kept: the same command goes on from there.", err=True)
        sys.exit(130)
    sys.exit(1 if found.needs_review or found.failed or found.misplaced else 0)


@main.command()
@_course
def build(course: Path | None) -> None:
    """Make assignments/ and solutions/ from source/, and tell the gradebook of the exercises."""
    from autograder.authoring.build import BuildError, build_all
    from autograder.course import Course, CourseError

    try:
        for path in build_all(Course.find(course)):
            click.echo(f"wrote {path}")
    except (BuildError, CourseError) as error:
        raise NothingDone(str(error)) from error


@main.command("report")
@click.argument("assignment", required=False)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="The page; by default report/ASSIGNMENT.html."
)
@click.option("--canvas-column", metavar="TITLE", help='The assignment in Canvas, as its export names it: "Lab (123)".')
@_course
def class_report(assignment: str | None, output: Path | None, canvas_column: str | None, course: Path | None) -> None:
    """Make a page on how the class did in ASSIGNMENT, and score files for Canvas and Moodle beside it.

    Run it after autograding. A score that is not final, because something needs review or waits for points by hand, is
    no number in these files, and never 0.
    """
    from autograder.course import Course, CourseError
    from autograder.hosts import lms
    from autograder.hosts.nbgrader.read_class import read_class
    from autograder.pages import class_report, terminal

    try:
        found = Course.find(course)
        results = read_class(found, assignment)
    except CourseError as error:
        raise NothingDone(str(error)) from error
    page = output or found.root / "report" / f"{results.assignment}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    files = {
        page: class_report.render(results),
        page.with_name(f"{page.stem}-canvas.csv"): lms.canvas(results, canvas_column),
        page.with_name(f"{page.stem}-moodle.csv"): lms.moodle(results),
    }
    for path, text in files.items():
        path.write_text(text, encoding="utf-8", newline="")
        click.echo(f"wrote {path}")
    for exercise, students in results.outdated().items():
        older = f"Grades of {exercise} made by an older version of the lesson: {', '.join(students)}"
        click.echo(in_line(f"{older}. Run: autograder autograde {results.assignment}"), err=True)
    for group in results.alike:
        click.echo(terminal.alike(group), err=True)
    for student, exercise, reason in results.needs_review:
        click.echo(in_line(f"{student}/{exercise} needs review: {reason}"), err=True)


@main.command()
@click.argument("assignment")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; by default gradescope/ASSIGNMENT.zip."
)
@click.option(
    "--visibility",
    type=click.Choice(["visible", "hidden", "after_due_date", "after_published"]),
    default="visible",
    show_default=True,
    help="When students see the checks.",
)
@_course
@_unsafe
def gradescope(assignment: str, output: Path | None, visibility: str, course: Path | None, unsafe: bool) -> None:
    """Make the zip file that Gradescope needs to grade ASSIGNMENT. It holds the solutions: keep it to yourself."""
    from autograder.course import Course, CourseError
    from autograder.hosts.gradescope import build_zip

    try:
        found = Course.find(course)
        target = output or found.root / "gradescope" / f"{assignment}.zip"
        names = build_zip(found, assignment, target, visibility, unsafe)
    except CourseError as error:
        raise NothingDone(str(error)) from error
    click.echo(f"wrote {target}, with {len(names)} files")
    if unsafe:
        click.echo("With --unsafe, a student's code can read the hidden checks and write its own results.", err=True)


@main.command()
@click.argument("lesson", required=False)
@click.option("--force", is_flag=True, help="Grade everything again, even what was graded before.")
@_workers
@_course
def audit(lesson: str | None, force: bool, workers: int | None, course: Path | None) -> None:
    """Grade the graders, on prepared right and wrong answers: all, or those of one LESSON.

    The reference earns everything, without its demonstrations too, and the untouched stub nothing; each mistake is
    caught by the check that it names; each variant earns full marks; no attack gains anything; every check is needed;
    the points agree; assignments/ and solutions/ are fresh; and no feedback holds lines of the solution or of the
    checks. What was graded before is not graded again, as long as nothing that it depends on has changed. Ends with
    exit code 1 when something is wrong.
    """
    from autograder.authoring.audit import audit, print_audit
    from autograder.authoring.cases import KEPT
    from autograder.course import Course, CourseError
    from autograder.sandbox.confinement import NoSandboxError

    try:
        found = Course.find(course)
        kept = found.root / KEPT
        if force:
            kept.unlink(missing_ok=True)
        result = audit(found, found.root / "tests" / "attacks", workers, lesson, kept)
    except (CourseError, NoSandboxError) as error:
        raise NothingDone(str(error)) from error
    print_audit(result)
    sys.exit(1 if result.problems else 0)


@main.command()
@click.argument("lesson", required=False)
@_workers
@_course
def messages(lesson: str | None, workers: int | None, course: Path | None) -> None:
    """List every template of what students read, in all lessons or in one LESSON, with an example.

    Examples are what prepared mistakes are told, which are graded for that once.
    """
    from autograder.authoring.cases import KEPT
    from autograder.authoring.templates import print_templates, with_examples
    from autograder.course import Course, CourseError
    from autograder.sandbox.confinement import NoSandboxError

    try:
        found = Course.find(course)
        print_templates(with_examples(found, lesson, found.root / KEPT, workers))
    except (CourseError, NoSandboxError) as error:
        raise NothingDone(str(error)) from error


@main.command()
@click.argument("name")
@click.option("--assignment", help="The assignment that it belongs to, where there are several.")
@_course
def new(name: str, assignment: str | None, course: Path | None) -> None:
    """Lay down a new exercise, such as 5-schedules: notebook, graders, mistakes and variants, with an example."""
    from autograder.authoring.new import create
    from autograder.course import Course, CourseError

    try:
        for path in create(Course.find(course), name, assignment):
            click.echo(f"wrote {path}")
    except CourseError as error:
        raise NothingDone(str(error)) from error
    click.echo("Now write the exercise into these files, then run: autograder build && autograder audit")


@main.command()
@_unsafe
def doctor(unsafe: bool) -> None:
    """Say which sandbox is active here, and try what it protects."""
    from autograder.authoring.doctor import examine

    sys.exit(0 if examine(unsafe) else 1)


if __name__ == "__main__":
    main()
