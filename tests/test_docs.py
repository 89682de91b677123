"""The commands that README.md and docs/ show: each is run as it stands there, or listed here with why it is not.

They are read with mistune, which the pages use anyway: fences without a language, and code inside of a sentence.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import mistune
import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.authoring import specimens
from autograder.cli import main
from autograder.grading.batch import kept_environment
from tests import in_process
from tests.class_folder import NOTEBOOK, ClassFolder
from tests.conftest import ROOT, shorten
from tests.hosts.test_strangers import own_notebook

DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

NOT_RUN = {
    "sudo apt-get install git make python3-venv bubblewrap": "installs into the system; .ci/run does the like",
    "make demo PYTHON=python3.12": "another Python; make demo is run",
    "make test": "runs this test",
    "autograder audit": "takes minutes; tests/authoring/test_audit.py",
    "git clone YOUR-PRIVATE-COPY optimizers-course": "nobody's copy is known here",
    "cd optimizers-course": "the folder that the clone makes",
    "make .venv/ready": "downloads up to 6 GB; .ci/run begins with it",
    "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0": "changes the machine's kernel",
    "pip install -r requirements.txt jupyterlab": "downloads up to 6 GB",
    "jupyter lab 1-build-optimizers.ipynb": "a server that stays; tests/test_browser.py",
    "pip install -e '.[cluster]'": "downloads",
    "dask scheduler": "a server that stays; tests/hosts/test_whole_class.py starts a cluster",
    "dask worker tcp://SCHEDULER:8786 --nthreads 1 --nworkers 8": "a server that stays, on other machines",
    "autograder autograde optimizers --dask tcp://SCHEDULER:8786": "needs these",
    "srun dask worker ...": "needs Slurm",
}
"""What is shown and not run, and why. Its options and files are looked at all the same."""

RUN = r"autograder |nbgrader |python3 -m venv |source \.venv/|make demo$"
"""How a command begins that is run; any other must be listed above, so that nothing else runs on this machine."""

PROGRAMS = (
    "apt|apt-get|autograder|bash|cd|chmod|chown|conda|cp|curl|dask|docker|export|git|jupyter|ln|make|mkdir|mv|nbgrader"
    "|pip|podman|python|python3|rm|sbatch|source|srun|ssh|sudo|sysctl|systemctl|uv|wget"
)
"""What makes a command of code inside of a sentence. In a fence every line is one."""

OUTPUT, FOLDERS = "submission ", "source/ "
"""How the fences begin that show something else: what a command prints, and where things lie."""


@dataclass(frozen=True)
class Shown:
    """Something that a page shows."""

    page: Path
    kind: str
    """``command``, a line of a fence; ``named``, a command in a sentence; ``span``, other code there; ``python``."""
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text}"


def read(page: Path) -> Iterator[Shown]:
    """The commands and the code on a page, in order."""
    for token in _flat(mistune.create_markdown(renderer="ast", plugins=["table"])(page.read_text())):
        text = token.get("raw", "")
        language = (token.get("attrs") or {}).get("info", "")
        if token["type"] == "codespan":
            yield Shown(page, "named" if re.match(rf"({PROGRAMS}) ", text) else "span", text)
        elif token["type"] == "block_code" and language:
            yield Shown(page, language, text)
        elif token["type"] == "block_code" and not text.startswith((OUTPUT, FOLDERS)):
            for line in text.splitlines():
                yield from (Shown(page, "command", command) for command in _in_line(line))


def _flat(tokens: list[dict]) -> Iterator[dict]:
    for token in tokens:
        yield token
        yield from _flat(token.get("children") or [])


def _in_line(line: str) -> Iterator[str]:
    """The command in a line, with the options that its comment offers, and the command that its comment offers."""
    command, _, comment = re.sub(r" +#", "#", line, count=1).partition("#")
    yield command
    yield from (f"{command} {option}" for option in re.findall(r"--[a-z-]+", comment))
    yield from re.findall(rf"\b(?:{PROGRAMS}) [^:,]*$", comment)


SHOWN = [shown for page in DOCS for shown in read(page)]
COMMANDS = [shown for shown in SHOWN if shown.kind in ("command", "named")]


def words(command: str) -> list[str]:
    return shlex.split(command.partition(" >")[0])


def parse(command: str) -> None:
    """Let our command line parse a command. Raises click.UsageError when it does not know it."""
    _, verb, *arguments = words(command)
    with click.Context(main) as context:
        main.commands[verb].make_context(verb, arguments, parent=context)


def is_named_only(shown: Shown) -> bool:
    """Whether a sentence names a verb or an option without all that the command needs."""
    if shown.kind == "named" and shown.text.startswith("autograder "):
        try:
            parse(shown.text)
        except click.MissingParameter:
            return True
        except click.UsageError:
            return False  # which a test says better
    return shown.kind == "named" and any(other.text.startswith(f"{shown.text} ") for other in COMMANDS)


def typed(page: Path) -> list[Shown]:
    """The commands on a page that are run, each once."""
    found: dict[str, Shown] = {}
    for shown in COMMANDS:
        if shown.page == page and shown.text not in NOT_RUN and not is_named_only(shown):
            found.setdefault(shown.text, shown)
    return list(found.values())


# --- nothing is left out ------------------------------------------------------------------------------------------


def test_what_is_not_run_is_listed():
    assert [str(shown) for page in DOCS for shown in typed(page) if not re.match(RUN, shown.text)] == []
    kinds = {shown.kind for shown in SHOWN}
    assert kinds == {"command", "named", "python", "span"}, "a fence in a language that nobody runs"
    assert [page.name for page in DOCS] == ["README.md", "instructor.md", "student.md"], "each needs a test below"


def test_what_is_listed_is_shown():
    assert [command for command in NOT_RUN if command not in {shown.text for shown in COMMANDS}] == []


# --- what can be said of a command without running it -------------------------------------------------------------


@pytest.mark.parametrize("shown", [s for s in COMMANDS if s.text.startswith("autograder ")], ids=str)
def test_the_command_line_knows_the_verb_and_its_options(shown, monkeypatch):
    monkeypatch.chdir(ROOT)
    if not is_named_only(shown):
        parse(shown.text)


@pytest.mark.parametrize("shown", [s for s in COMMANDS if s.text.startswith("dask ")], ids=str)
def test_dask_knows_the_verb_and_its_options(shown):
    from distributed.cli import dask_scheduler, dask_worker

    _, verb, *arguments = words(shown.text)
    {"scheduler": dask_scheduler, "worker": dask_worker}[verb].main.make_context(verb, arguments)


def test_options_that_a_sentence_names_are_there():
    options = {name for command in main.commands.values() for option in command.params for name in option.opts}
    named = {shown.text.split()[0] for shown in SHOWN if shown.kind == "span" and shown.text.startswith("--")}
    assert named and named - options == set()


def recipe(*words: str) -> list[str]:
    """What make would run for a verb, but for setting up .venv."""
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "--old-file", ".venv/ready", *words],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("shown", [s for s in COMMANDS if s.text.startswith("make ")], ids=str)
def test_make_knows_the_verb(shown):
    assert recipe(*words(shown.text)[1:])


def test_files_and_extras_that_are_named_are_there():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for word in (word for command in NOT_RUN for word in words(command)):
        if word.endswith((".txt", ".ipynb")):
            assert (ROOT / "assignments" / "optimizers" / word).is_file(), word
        for extra in re.findall(r"\.\[(.+)\]", word):
            assert extra in extras


def test_pre_commit_calls_what_make_lint_calls():
    hooks = re.findall(r"entry: (.+)", (ROOT / ".pre-commit-config.yaml").read_text())
    assert hooks == recipe("lint")


# --- what is run --------------------------------------------------------------------------------------------------


IN_PROCESS = {"autograder": in_process.autograder, "nbgrader": in_process.nbgrader}


class Reader(ClassFolder):
    """Somebody who types what a page shows, in a course folder with its first lesson alone."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for path in (self.root / "source").glob("*/[2-9]-*.ipynb"):  # each takes time
            path.unlink()
        shorten(self.root / "source" / "optimizers" / f"{NOTEBOOK}.ipynb")
        (self.root / ".venv").symlink_to(sys.prefix)
        self.configure(f'c.Exchange.root = "{self.exchange}"')  # as docs/instructor.md says
        self.mark = folder / "mark"
        self.started: set[str] = set()

    def configure(self, line: str) -> None:
        with (self.root / "nbgrader_config.py").open("a") as file:
            file.write(f"\n{line}\n")

    def type(self, shown: Shown, cwd: Path | None = None) -> str:
        """Run a command; what it printed. Programs of Python are started once each, and later run in this process."""
        assert re.match(RUN, shown.text), f"{shown} is not to be run"
        environment = {
            "COLUMNS": "120",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **{f"JUPYTER_{what}_DIR": str(self.home / what) for what in ("CONFIG", "DATA")},
        }
        program, *arguments = words(shown.text)
        if program in self.started and ">" not in shown.text:
            code, printed = IN_PROCESS[program](*arguments, cwd=cwd or self.root, **environment)
        else:
            code, printed = self.start(shown.text, cwd or self.root, environment)
        self.started |= {program} & IN_PROCESS.keys()
        assert code == 0, f"{shown}\n{printed}"
        return printed

    def start(self, command: str, cwd: Path, environment: dict[str, str]) -> tuple[int, str]:
        """What the shell exits with after a command, and what it prints."""
        lines = recipe(*words(command)[1:]) if command.startswith("make ") else [command]
        done = subprocess.run(
            ["bash", "-e", "-c", "\n".join(lines)],
            cwd=cwd,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def hand_in_through_the_exchange(self) -> None:
        """What a student does between release and collect."""
        self.nbgrader("fetch_assignment", "optimizers", cwd=self.home)
        path = self.home / "optimizers" / f"{NOTEBOOK}.ipynb"
        nbformat.write(specimens.without_examples(nbformat.read(path, as_version=4)), path)
        self.nbgrader("submit", "optimizers", cwd=self.home)

    def add_an_assignment_of_their_own(self) -> None:
        """A problem set that nbgrader itself is to grade; its answer leaves a mark when it is run."""
        for folder in (self.root / "source" / "ps1", self.root / "submitted" / "ann" / "ps1"):
            folder.mkdir(parents=True)
            nbformat.write(own_notebook(self.mark), folder / "problem.ipynb")
        self.nbgrader("generate_assignment", "ps1")

    def leave_the_lessons_alone(self) -> None:
        """``autograder grade`` knows no other assignment: a notebook without a lesson needs review."""
        shutil.rmtree(self.root / "submitted" / "ann")

    def write_down_the_students(self) -> None:
        """With the columns that docs/instructor.md names."""
        names = "id,first_name,last_name,email,lms_user_id"
        (self.root / "students.csv").write_text(f"{names}\nzoe,Zoe,Zhang,zoe@example.org,7\n")


BEFORE = {
    "nbgrader collect optimizers": Reader.hand_in_through_the_exchange,
    "nbgrader autograde ps1 --force": Reader.add_an_assignment_of_their_own,
    "nbgrader db student import students.csv": Reader.write_down_the_students,
    "autograder grade submitted/": Reader.leave_the_lessons_alone,
}
"""What a reader does before a command besides reading."""

MAKES = {
    "autograder build": f"solutions/optimizers/{NOTEBOOK}.ipynb",
    "nbgrader release_assignment optimizers": f"../exchange/*/outbound/optimizers/{NOTEBOOK}.ipynb",
    "nbgrader collect optimizers": f"submitted/*/optimizers/{NOTEBOOK}.ipynb",
    "nbgrader autograde optimizers": f"autograded/*/optimizers/{NOTEBOOK}.ipynb",
    "nbgrader generate_feedback optimizers --force": f"feedback/*/optimizers/{NOTEBOOK}.html",
    "nbgrader release_feedback optimizers": "../exchange/*/feedback/*.html",
    "nbgrader export": "grades.csv",
    "nbgrader autograde ps1 --force": "../mark",
    "autograder report optimizers": "report/optimizers-moodle.csv",
    "autograder gradescope optimizers": "gradescope/optimizers.zip",
    "autograder grade --json submitted/ > grades.jsonl": "grades.jsonl",
}
"""What is there after a command, and was not before."""


def test_what_goes_with_a_command_goes_with_one_that_is_shown():
    assert {*BEFORE, *MAKES} <= {shown.text for shown in COMMANDS}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_an_instructor_can_do_all_of_it(tmp_path, monkeypatch):
    """docs/instructor.md, from its top to its end."""
    reader = Reader(tmp_path)
    monkeypatch.chdir(reader.root)
    page = ROOT / "docs" / "instructor.md"
    for shown in read(page):
        if shown.kind == "python" and shown.text.startswith("c."):
            reader.configure(shown.text)
        elif shown.kind == "python":
            found = run_python(shown)
            assert found["api"].get_source_assignments() == {"optimizers", "ps1"}
            assert "plugin.ExecuteInSandbox" in str(found["config"].Autograde.autograde_preprocessors)
        elif shown in typed(page):
            BEFORE.get(shown.text, lambda reader: None)(reader)
            made = MAKES.get(shown.text)
            assert made is None or not [*reader.root.glob(made)], f"{shown}: {made} was there before"
            reader.type(shown)
            assert made is None or [*reader.root.glob(made)], f"{shown}: there is no {made}"
    with Gradebook(f"sqlite:///{reader.root / 'gradebook.db'}") as gradebook:
        assert gradebook.find_student("zoe").lms_user_id == "7"
    assert '"status": "graded"' in (reader.root / "grades.jsonl").read_text()


def run_python(shown: Shown) -> dict:
    """Run a block of Python as a script in the current folder; its names."""
    line = shown.page.read_text().partition(shown.text)[0].count("\n")
    names = {"__name__": "__main__"}
    with kept_environment():
        exec(compile("\n" * line + shown.text, shown.page, "exec"), names)
    return names


@pytest.mark.slow
def test_a_student_can_do_all_of_it(tmp_path):
    folder = tmp_path / "optimizers"
    reader = Reader(tmp_path)
    shutil.copytree(ROOT / "assignments" / "optimizers", folder)
    for shown in typed(ROOT / "docs" / "student.md"):
        reader.type(shown, cwd=folder)
    assert (folder / ".venv" / "bin" / "activate").is_file()


@pytest.mark.slow
def test_the_readme_shows_what_its_commands_print(tmp_path):
    """On the first lesson alone: the lines of its output are those in README.md, but for the seconds."""
    reader = Reader(tmp_path)
    printed = "".join(reader.type(shown) for shown in typed(ROOT / "README.md"))
    text = (ROOT / "README.md").read_text()
    (shown,) = (fence for fence in re.findall(r"^```\n(.*?)^```", text, re.M | re.S) if fence.startswith(OUTPUT))
    wanted, found = (
        [" ".join(re.sub(r"\d+\.\d\d$", "", line).split()) for line in lines.splitlines()] for lines in (shown, printed)
    )
    assert [line for line in wanted if line not in (*found, "...")] == []
    (page,) = re.findall(r"`(demo/\S+\.html)`", text)
    assert (reader.root / page).is_file()
