"""dataset_description.json: what the input's may say, and what made the release."""

from __future__ import annotations

from pathlib import PurePosixPath

from bidsdeid import __version__
from bidsdeid.core.ledger import Outcome, Release
from bidsdeid.core.naming import Layout
from bidsdeid.core.plan import Action
from bidsdeid.core.policy import Decision
from bidsdeid.core.scrub import scrub_fields
from bidsdeid.core.text import decode_fields, encode_fields
from bidsdeid.core.values import JSONValue
from bidsdeid.io.store import DATASET_DESCRIPTION
from bidsdeid.run.bench import Bench, Fields, released_outcome

DESCRIPTION = PurePosixPath(DATASET_DESCRIPTION)


def release_description(bench: Bench) -> Release | None:
    """Write dataset_description.json anew from the kept fields of the input's.

    Returns
    -------
    Release or None
        If it is not made from one of the input.
    """
    raw = bench.config.layout is Layout.RAW
    action = next((a for a in bench.study.shared if a.path == DESCRIPTION), None)

    def put(source: Fields) -> Release:
        generated: dict[str, JSONValue] = {"Name": "bidsdeid", "Version": __version__}
        fields: Fields = {
            "Name": "De-identified dataset",
            "BIDSVersion": "1.9.0",
            **source,
            "DatasetType": "raw" if raw else "derivative",
            "GeneratedBy": [generated],
        }
        doi = source.get("DatasetDOI")
        if isinstance(doi, str):
            sources: dict[str, JSONValue] = {"DOI": doi}
            fields["SourceDatasets"] = [sources]
            del fields["DatasetDOI"]  # the DOI is the source's, not that of this dataset
        return bench.put(
            DESCRIPTION,
            encode_fields(fields),
            lambda written: bench.auditor.fields(DESCRIPTION, written, scope="dataset"),
            str(Decision.SCRUB),
        )

    def treat(action: Action) -> Outcome:
        fields = decode_fields(bench.read(action.path))
        kept, changes = scrub_fields(fields, bench.policy, bench.context, scope="dataset")
        return released_outcome(action, (put(kept),), changes=changes)

    if action is not None and action.decision is not Decision.WITHHOLD:
        bench.attempt(action, treat)
    if any(item.path == DESCRIPTION for item in bench.verified):
        return None
    return put({})
