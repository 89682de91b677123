"""What nbgrader copies between its folders: regular files only, within bounds, and beside feedback pages no others.

nbgrader's own ``Autograde`` and ``GenerateFeedback`` copy whatever lies beside a notebook by following links. The
exporters that nbgrader_config.py names let the converter that made them be one of the classes here instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from nbgrader.converters import Autograde, BaseConverter, GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import find_all_files

from autograder.grading import files
from autograder.hosts.nbgrader import gradebook, stamps
from autograder.hosts.nbgrader.course import lessons_of, who_grades
from autograder.hosts.nbgrader.handed_in import Fuller, Misplaced, elsewhere, why_closed
from autograder.messages import in_line

STAMPS = (stamps.NAME, "submission_secret.txt")
"""What nbgrader itself puts beside a submission, and reads again to release its feedback."""


def trouble_with(coursedir: CourseDirectory, folder: Path, step: str, is_ours: bool = False) -> str | None:
    """Why nbgrader must not open what lies in a student's folder of a step, such as ``submitted``; None if it may.

    Of an assignment that is graded here nbgrader itself opens no stamp.
    """
    if (why := why_closed(Path(coursedir.root, step), folder)) is not None:
        return in_line(f"{folder} {why}. Put a folder of files there, or remove it.")
    for name in () if is_ours else STAMPS:
        try:
            files.read(folder / name, stamps.MAX_BYTES)
        except FileNotFoundError:
            continue
        except (files.Refused, OSError) as error:
            return in_line(f"{folder / name} {files.explain(error)}. Put the right file there, or remove it.")
    return None


def chosen(coursedir: CourseDirectory) -> Callable[[Path], bool]:
    """Which files nbgrader's configuration wants to be copied, by their path in the folder."""

    def is_chosen(path: Path) -> bool:
        is_ignored = any(fnmatch(part, pattern) for part in path.parts for pattern in coursedir.ignore)
        return not is_ignored and any(fnmatch(path.name, pattern) for pattern in coursedir.include)

    return is_chosen


def copy(
    coursedir: CourseDirectory,
    source: Path,
    target: Path,
    is_chosen: Callable[[Path], bool],
    log: Any,
    wanted: Iterable[str] = (),
) -> dict[str, str]:
    """Copy a student's files within nbgrader's own bounds of size and ours of count; what was left out, and why.

    Raises as ``files.copy``.
    """
    left_out = files.copy(
        source,
        target,
        is_chosen,
        wanted=[*STAMPS, *wanted],
        max_file_bytes=1000 * coursedir.max_file_size,
        max_bytes=1000 * coursedir.max_dir_size,
    )
    for name, why in list(left_out.items())[:10]:
        log.warning(in_line(f"Not copied: {source / name} {why}"))
    if len(left_out) > 10:
        log.warning(in_line(f"Not copied: {len(left_out) - 10} others in {source}"))
    return left_out


class Careful(BaseConverter):
    """Stands between a converter of nbgrader's and its base, and does what the base does with a student's files."""

    def init_destination(self, assignment_id: str, student_id: str) -> bool:
        """Whether to convert a submission. Raises NbGraderException when it can't be opened; others are converted."""
        if student_id not in self.coursedir.student_id_exclude.split(","):
            source = Path(self._format_source(assignment_id, student_id))
            is_ours = lessons_of(self, assignment_id) is not None
            stamps.put_in_force(self.coursedir, is_ours)
            trouble = trouble_with(self.coursedir, source, self._input_directory, is_ours)
            if trouble is not None:
                self.log.error("%s", trouble)
                raise NbGraderException(trouble)
        return super().init_destination(assignment_id, student_id)

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        """Copy what lies beside the notebooks, instead of nbgrader's base, which follows links."""
        source, target = (Path(path(assignment_id, student_id)) for path in (self._format_source, self._format_dest))
        wanted = self.chosen(assignment_id)
        copy(self.coursedir, source, target, lambda path: path.suffix != ".ipynb" and wanted(path), self.log)
        if lessons_of(self, assignment_id) is not None:
            stamps.correct(self.coursedir, target)

    def chosen(self, assignment_id: str) -> Callable[[Path], bool]:
        """Which files beside the notebooks are copied."""
        ignored = self.coursedir.ignore
        return lambda path: not any(fnmatch(part, pattern) for part in path.parts for pattern in ignored)


class CarefulAutograde(Autograde, Careful):
    """nbgrader's Autograde, which follows no link, and holds back what a person must look at first."""

    held: Mapping[str, Fuller | stamps.Untimed] = {}
    """Why exercises of the student whose submission is converted are not graded, by their names."""

    def chosen(self, assignment_id: str) -> Callable[[Path], bool]:
        """Which files beside the notebooks are copied: none that is in the way of what is put there."""
        coursedir, others = self.coursedir, super().chosen(assignment_id)
        source = Path(coursedir.format_path(coursedir.source_directory, ".", assignment_id))
        ours = [Path(path).relative_to(source) for path in find_all_files(str(source), coursedir.ignore)]
        ours += [Path(Path(path).name) for path in self.notebooks]
        folders = {parent for path in ours for parent in path.parents}
        return lambda path: others(path) and path not in folders and not any(p in ours for p in path.parents)

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        """Prepare a submission: what is missing has 0 points, unless it lies in a wrong place."""
        super().init_assignment(assignment_id, student_id)
        found = lessons_of(self, assignment_id)
        submitted = Path(self.coursedir.root, self.coursedir.submitted_directory)
        strays = [] if found is None else elsewhere(submitted, found, self.config, student_id)
        self.held = {stray.exercise: stray for stray in strays if isinstance(stray, Fuller)}
        time = stamps.of(self.coursedir, Path(self._format_source(assignment_id, student_id)))
        if found is not None and isinstance(time, stamps.Untimed):
            self.held = dict.fromkeys(found.exercises, time)
        misplaced = [stray for stray in strays if isinstance(stray, Misplaced)]
        for stray in misplaced:
            self.log.warning("%s", in_line(f"{student_id}/{stray.exercise} was not graded: {stray}"))
        gradebook.miss(self.coursedir.db_url, assignment_id, student_id, {stray.exercise: True for stray in misplaced})


class CarefulFeedback(GenerateFeedback, Careful):
    """nbgrader's GenerateFeedback, which follows no link and copies nothing that could be taken for a page."""

    def chosen(self, assignment_id: str) -> Callable[[Path], bool]:
        """nbgrader's own two files; and for assignments left to nbgrader, what its pages may show beside them."""
        names = [Path(path).stem for path in self.notebooks]
        is_left = all(who_grades(self, assignment_id, name) is None for name in names)
        others = super().chosen(assignment_id)
        return lambda path: (
            str(path) in STAMPS or (is_left and path.suffix.lower() not in (".html", ".htm") and others(path))
        )
