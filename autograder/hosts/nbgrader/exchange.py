"""What carries work from nbgrader's exchange into the course and feedback back, named in nbgrader_config.py:

    c.ExchangeFactory.collect           Collect          instead of ExchangeCollect
    c.ExchangeFactory.release_feedback  ReleaseFeedback  instead of ExchangeReleaseFeedback

Only regular files are carried, no link is followed, and what can't be carried of one student stops no other.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import shutil
from pathlib import Path
from typing import Any

from nbgrader.exchange.default import ExchangeCollect, ExchangeReleaseFeedback
from nbgrader.utils import notebook_hash

from autograder.grading import files
from autograder.hosts.nbgrader import copying, stamps, times
from autograder.hosts.nbgrader.course import lessons_of
from autograder.messages import in_line

MAX_PAGE_BYTES = 200 * 2**20
NO_TIME = datetime.datetime.min


class Collect(ExchangeCollect):
    """Collects submissions; a notebook that is no regular file arrives empty, so that it needs review."""

    src_records: list[dict[str, Any]]

    def _path_to_record(self, path: str) -> dict[str, Any]:
        try:
            record = super()._path_to_record(path)
            if self._is_ours:
                with contextlib.suppress(times.UnreadableTime):
                    time = os.path.basename(path).rsplit("+", 3)[2]
                    record["timestamp"] = times.parse(time, stamps.zone_of(self.coursedir))
            return record
        except (ValueError, OverflowError, AttributeError):  # whoever hands in gives the name
            name = os.path.basename(path)
            return {"username": name.partition("+")[0], "filename": name, "timestamp": NO_TIME}

    @property
    def _is_ours(self) -> bool:
        return lessons_of(self, self.coursedir.assignment_id) is not None

    def copy_files(self) -> None:
        """Collect one student's submission after the other. Raises ExchangeError at the end for those that failed."""
        failed = []
        stamps.put_in_force(self.coursedir, self._is_ours)
        records = self.src_records
        for record in records:
            self.src_records = [record]
            student = record["username"]
            source = Path(self.inbound_path, record["filename"])
            target = Path(
                self.coursedir.format_path(self.coursedir.submitted_directory, student, self.coursedir.assignment_id)
            )
            try:
                trouble = _why_not(self.coursedir, record, source, target, self._is_ours)
                if trouble is None:
                    super().copy_files()
            except (OSError, files.Refused, ValueError, AttributeError) as error:
                trouble = (
                    f"{source} {files.explain(error)}" if isinstance(error, (OSError, files.Refused)) else str(error)
                )
            if trouble is not None:
                self.log.error(in_line(f"The submission of {student} was not collected: {trouble}"))
                failed.append(student)
        self.src_records = records
        if not records:
            super().copy_files()
        if failed:
            self.fail(in_line(f"Not collected, of {len(records)}: {', '.join(failed)}. The others are."))

    def do_copy(self, src: str, dest: str, log: Any = None) -> None:
        """Copy a submission."""
        target, coursedir = Path(dest), self.coursedir
        mode = os.stat(src, follow_symlinks=False).st_mode & 0o777 | 0o700
        released = Path(coursedir.format_path(coursedir.source_directory, ".", coursedir.assignment_id))
        names = [path.name for path in released.glob("*.ipynb")]
        try:
            left_out = copying.copy(coursedir, Path(src), target, copying.chosen(coursedir), self.log, names)
        except BaseException:
            shutil.rmtree(dest, ignore_errors=True)
            raise
        for name in left_out:
            if Path(name).suffix == ".ipynb" and Path(name).parent == Path():
                (target / name).touch()
        target.chmod(mode)  # as nbgrader's own
        if self.coursedir.groupshared:
            for folder, _, names in os.walk(dest):
                for path, mode in ((folder, 0o2770), *((os.path.join(folder, name), 0o660) for name in names)):
                    with contextlib.suppress(PermissionError):
                        os.chmod(path, os.stat(path).st_mode & 0o7777 | mode)


def _why_not(coursedir: Any, record: dict[str, Any], source: Path, target: Path, is_ours: bool) -> str | None:
    if record["timestamp"] == NO_TIME:
        return f"{source} has no time in its name"
    with files.opened_folder(source):
        pass
    if os.path.lexists(target):
        return copying.trouble_with(coursedir, target, coursedir.submitted_directory, is_ours)
    return None


class ReleaseFeedback(ExchangeReleaseFeedback):
    """Releases pages that were made of autograded notebooks, and no other file that lies in ``feedback/``."""

    def copy_files(self) -> None:
        """Release one student's pages after the other. Raises ExchangeError at the end for those that failed."""
        coursedir, assignment = self.coursedir, self.coursedir.assignment_id
        excluded = coursedir.student_id_exclude.split(",")
        pattern = coursedir.format_path(coursedir.feedback_directory, "(?P<student>.*)", assignment, escape=True)
        failed = []
        for folder in sorted(Path("/").glob(self.src_path.lstrip("/"))):
            found = re.fullmatch(pattern, str(folder))
            if found is None or found["student"] in excluded:
                continue
            student = found["student"]
            try:
                self._release(folder, student)
            except (OSError, files.Refused, UnicodeDecodeError) as error:
                why = str(error) if isinstance(error, UnicodeDecodeError) else files.explain(error)
                self.log.error(in_line(f"The feedback of {student} was not released: {_named(error, folder)} {why}"))
                failed.append(student)
        if failed:
            self.fail(in_line(f"Not released: {', '.join(failed)}. The others are."))

    def _release(self, folder: Path, student: str) -> None:
        coursedir, assignment = self.coursedir, self.coursedir.assignment_id
        autograded = Path(coursedir.format_path(coursedir.autograded_directory, student, assignment))
        pages = sorted(folder.glob("*.html"))
        ours = [page for page in pages if (autograded / f"{page.stem}.ipynb").is_file()]
        for page in set(pages).difference(ours):
            self.log.warning(in_line(f"Not released, because no autograded notebook has this name: {page}"))
        if not ours:
            return
        secret = files.read(folder / "submission_secret.txt", stamps.MAX_BYTES).decode()
        for page in ours:
            content = files.read(page, MAX_PAGE_BYTES)
            place = Path(self.dest_path, f"{notebook_hash(secret=secret, notebook_id=page.stem)}.html")
            temporary = place.with_name(f"{place.stem}-tmp.html")
            temporary.unlink(missing_ok=True)
            temporary.write_bytes(content)
            shutil.copymode(page, temporary)
            os.replace(temporary, place)  # at once, for whoever fetches it now
            self.log.info("Feedback released to: %s", place)


def _named(error: Exception, folder: Path) -> str:
    return str(getattr(error, "filename", None) or folder)
