"""The course's nbgrader configuration: folders, and the classes that grade in a sandbox."""

import os
import sys

c = get_config()  # noqa: F821

# nbgrader starts programs such as alembic by name: let it find them when the environment is not activated.
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]

c.CourseDirectory.course_id = "optimizers-course"
c.CourseDirectory.release_directory = "assignments"
c.CourseDirectory.solution_directory = "solutions"

c.Autograde.exporter_class = "autograder.hosts.nbgrader.plugin.SubmissionExporter"
c.Autograde.sanitize_preprocessors = [
    "autograder.hosts.nbgrader.plugin.ForgetScores",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.DeduplicateIds",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "autograder.hosts.nbgrader.plugin.ExecuteInSandbox",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "autograder.hosts.nbgrader.plugin.SaveGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

c.ExchangeFactory.collect = "autograder.hosts.nbgrader.exchange.Collect"
c.ExchangeFactory.release_feedback = "autograder.hosts.nbgrader.exchange.ReleaseFeedback"
c.GenerateFeedback.exporter_class = "autograder.hosts.nbgrader.feedback.FeedbackExporter"
c.GenerateFeedback.preprocessors = ["autograder.hosts.nbgrader.feedback.GetPoints"]

# The formgrader shows what students wrote: as text, and never as markup that runs with the instructor's rights.
# Both within a budget of bytes and seconds.
c.HTMLExporter.filters = {
    "markdown2html": "autograder.pages.harmless.in_formgrader",
    "highlight_code": "autograder.pages.harmless.code_in_formgrader",
}
c.HTMLExporter.raw_mimetypes = []

# The executed solutions are committed: leave out what changes at every run.
c.Execute.record_timing = False
c.GenerateSolution.preprocessors = [
    "nbgrader.preprocessors.IncludeHeaderFooter",
    "nbgrader.preprocessors.LockCells",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.ClearMarkScheme",
    "nbgrader.preprocessors.Execute",
    "nbconvert.preprocessors.CoalesceStreamsPreprocessor",
]
c.CoalesceStreamsPreprocessor.enabled = True  # a busy machine cuts a text in two

# A cell of the solutions may take long on a busy machine.
c.Execute.timeout = 300
