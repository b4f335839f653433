"""The audit that a run makes of its own output, as if someone else had made it.

Every file passed an audit of its own when it was made.  This one knows nothing of how files were
made, and it knows the words of all participants, also of those who came later.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

from bidsdeid.core.finding import AuditReport, State
from bidsdeid.core.inspection import Inspector
from bidsdeid.run.audit_formats import as_text
from bidsdeid.run.study import Study
from bidsdeid.run.survey import Survey


def stopped(
    study: Study, stage: Path, output_dir: Path, labels: Collection[str]
) -> Mapping[str, AuditReport]:
    """Return the reports that stop the release.

    Parameters
    ----------
    study : Study
    stage : Path
        Dataset-level files that are ready.
    output_dir : Path
        With the participants that are published.
    labels : collection of str
        Of these participants.

    Returns
    -------
    mapping of str to AuditReport
        By label; the empty label stands for the dataset-level files.
    """
    inspector = Inspector.of(study.policy, study.terms, labels)
    reports: dict[str, AuditReport] = {}
    for label in ("", *sorted(labels)):
        survey = Survey(output_dir, PurePosixPath(f"sub-{label}")) if label else Survey(stage)
        report = survey.report(inspector)
        if report.state is State.STOP:
            reports[label] = report
    return reports


def told(reports: Mapping[str, AuditReport]) -> str:
    """Return the reports as one text for the private folder."""
    return "\n".join(
        f"{f'sub-{label}' if label else 'dataset'}\n{as_text(report)}"
        for label, report in reports.items()
    )
