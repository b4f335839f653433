"""The parts of the page of a release certificate, each as HTML; everything in them is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bidsdeid.report.certificate import Certificate
from bidsdeid.report.certificate_rows import Images, Review
from bidsdeid.report.markup import element, text
from bidsdeid.report.printed import bar, marked, printed_table, prose

#: Compares every file with its digest in the manifest.
_DIGESTS = (
    "tail -n +2 code/bidsdeid/manifest.tsv | "
    "awk -F'\\t' '{print $4\"  \"$1}' | sha256sum --check --quiet"
)

#: Questions, and commands that answer them in the folder of the dataset.
COMMANDS = (
    ("Is every file as it was published?", _DIGESTS),
    ("Does anything in it look like an identifier, or a head with its face?", "bidsdeid audit ."),
    ("Is it valid BIDS?", "bids-validator-deno . --ignoreWarnings"),
    ("What does the policy say?", "bidsdeid policy explain {policy}"),
)


def risks_part(made: Certificate) -> str:
    """Return what remains: the residual risks, those to decide about marked."""
    rows = "".join(
        element(
            "li",
            element("h3", text(risk.title))
            + (element("p", "Decide about this before sharing.", class_="flag") * risk.grave)
            + paragraph(risk.sentence)
            + _note(f"Basis: {risk.basis}"),
            class_="grave" if risk.grave else None,
        )
        for risk in made.risks
    )
    intro = "What this release may still give away, although nothing in it failed a check."
    return paragraph(intro) + element("ul", rows, class_="risks")


def faces_part(made: Certificate) -> str:
    """Return what became of faces."""
    images = made.images
    parts = _parts(images)
    total = sum(number for _, number in parts)
    shown = bar("Images, by what was done", parts) if total else paragraph("There are no images.")
    if images.withheld_by_failure:
        shown += paragraph(f"Not released, as no result was sure: {images.withheld_by_failure:,}.")
    if images.withheld_by_policy:
        shown += paragraph(
            f"Not released, as a rule withholds them: {images.withheld_by_policy:,}."
        )
    if images.ways:
        shown += _counts(
            "How the masks were found, which a second engine confirmed for "
            f"{images.confirmed:,} of {images.defaced + images.stripped:,} images",
            ("Way", "Images"),
            images.ways,
        )
    if made.triage is None:
        return shown + paragraph("The images were not triaged by their numbers.")
    caption = "Triage of the released images by their numbers"
    return shown + _counts(caption, ("Grade", "Images"), made.triage)


def _parts(images: Images) -> list[tuple[str, int]]:
    return [
        ("face removed", images.defaced),
        ("only the brain kept", images.stripped),
        ("no face to remove", images.nothing_to_remove),
        ("no face looked for", images.header_only),
        ("withheld, not sure", images.withheld_by_failure),
    ]


def review_part(made: Certificate) -> str:
    """Return who looked."""
    review, unseen = made.review, made.unseen
    shown = _reviewed(review, unseen.count) if review else paragraph("No review is on record.")
    return shown + (
        paragraph(
            f"Images that nobody looked at: {unseen.count:,}. In {unseen.looked_for:,} of them a "
            "face was looked for. They are listed near the end of this page."
        )
        if unseen.count
        else paragraph("Every released image was looked at by somebody.")
    )


def unseen_part(made: Certificate) -> str:
    """Return the images that nobody looked at, by what was done to them."""
    unseen = made.unseen
    if not unseen.count:
        return paragraph("There are none.")
    named = sum(map(len, unseen.paths.values()))
    shown = paragraph(
        f"These are the first {named:,} of {unseen.count:,}."
        if named < unseen.count
        else f"These are all {named:,}."
    )
    for treatment, paths in unseen.paths.items():
        rows = "".join(element("li", element("code", text(path))) for path in paths)
        heading = treatment[0].upper() + treatment[1:]
        shown += element("h3", text(heading)) + element("ul", rows, class_="paths")
    return shown


def _reviewed(review: Review, unseen: int) -> str:
    parts = [
        ("passed", review.passed),
        ("rated down", review.rated_down),
        ("put off", review.later),
        ("not looked at", unseen - review.later),
    ]
    rows = [
        (
            f"reviewer {each.number}",
            *(f"{n:,}" for n in (each.passed, each.rated_down, each.later)),
        )
        for each in review.reviewers
    ]
    columns = ("Reviewer", "Passed", "Rated down", "Put off")
    caption = "Ratings by person; an image that several rated counts for each of them"
    drawn = bar("Released images, by rating", parts, ("one", "five", "two", "four"))
    return drawn + printed_table(caption, columns, rows, numbers=1)


def identifiers_part(made: Certificate) -> str:
    """Return the eighteen identifiers."""
    intro = (
        "The kinds of identifiers that the HIPAA Privacy Rule names, 45 CFR 164.514(b)(2)(i). "
        "Counts are over all files of the source: a field that stands in a hundred sidecars "
        "counts a hundred times. Where something was not looked for, its row says so."
    )
    rows = [
        (f"{row.paragraph} {row.what}", ", ".join(row.where), row.how, row.result)
        for row in made.identifiers
    ]
    columns = ("Identifier", "Looked for in", "What is done", "Result")
    shown = paragraph(intro) + printed_table("", columns, rows, "identifiers")
    if made.not_attributed:
        caption = "Changes that count under none of the eighteen, or cannot be told to"
        shown += _counts(caption, ("Changes", "Number"), made.not_attributed)
    return shown


def files_part(made: Certificate) -> str:
    """Return what became of files."""
    sentence = (
        f"Released: {made.files_released:,} files, {made.mebibytes_released:,.1f} MiB. The tables "
        "count files of the source, of which one can make several: an image, a sidecar, a mask."
    )
    shown = paragraph(sentence)
    shown += _counts("Files of the source, by end", ("End", "Files"), made.files_by_status)
    shown += _counts(
        "Files of the source, by decision", ("Decision", "Files"), made.files_by_decision
    )
    if made.withheld_by_rule:
        caption = "Files withheld by a rule, by its reason"
        shown += _counts(caption, ("Reason", "Files"), made.withheld_by_rule)
    return shown


def groups_part(made: Certificate) -> str:
    """Return how small the groups of participants are."""
    found = made.disclosure
    if found is None:
        return paragraph("No table of participants was looked at.")
    columns = ", ".join(found.columns) or "none"
    facts = {
        "Participants in the table": f"{found.rows:,}",
        "Columns that together may tell who somebody is": columns,
        "Smallest group that shares all of them": f"{found.smallest:,}",
        "Participants who are alone in theirs": f"{found.alone:,}",
        f"Participants in groups smaller than {found.k}": f"{found.below:,}",
        "Enforced": f"k = {made.choices.k}" if made.choices.k is not None else "no",
    }
    return printed_table("", ("Fact", "Value"), list(facts.items()))


def codes_part(made: Certificate) -> str:
    """Return the codes of DICOM."""
    intro = (
        "Options of DICOM PS3.15, annex E, by their codes in PS3.16, context group 7050. The "
        f"Basic Profile ({_spaced('113100')}) is defined for DICOM objects and is not claimed."
    )
    rows = [
        (
            _spaced(code.code_value),
            code.code_meaning,
            code.where,
            f"{code.written:,}" if code.written else "—",
        )
        for code in made.codes
    ]
    return paragraph(intro) + printed_table(
        "", ("Code", "Meaning", "Where", "Images"), rows, numbers=3
    )


def _spaced(code: str) -> str:
    """Return a code in two groups, so that it does not read as the number of a record."""
    return f"{code[:3]}\N{NARROW NO-BREAK SPACE}{code[3:]}"


def checks_part(made: Certificate) -> str:
    """Return the checks, and the commands that repeat them."""
    rows = [
        (
            check.name,
            check.what,
            check.result,
            "yes: this page is published only with what passed" if check.condition else "no",
        )
        for check in made.checks
    ]
    shown = paragraph("No check of the whole is on record.")
    if rows:
        shown = printed_table("", ("Check", "Looks at", "Result", "Condition of release"), rows)
    commands = "".join(
        element("h3", text(question))
        + element("pre", text(command.replace("{policy}", made.rules.name)), tabindex=0)
        for question, command in COMMANDS
    )
    return shown + paragraph("In the folder of the dataset:") + commands


def tools_part(made: Certificate) -> str:
    """Return tools, atlases and weights."""
    if not made.resources:
        return paragraph("None is on record.")
    rows = [(x.name, x.version, x.use, x.origin, x.sha256) for x in made.resources]
    return printed_table("", ("Name", "Version", "Used for", "Origin", "SHA-256"), rows, "digests")


def choices_part(made: Certificate) -> str:
    """Return what the user chose."""
    rows = [(words, _told(getattr(made.choices, name))) for name, words in _CHOICES.items()]
    return printed_table("", ("Choice", "Value"), rows)


#: What is shown of `Choices`, in words.
_CHOICES: Mapping[str, str] = {
    "layout": "Layout", "anat": "Anatomical images", "face": "Region of the face that goes",
    "strength": "Strength", "deface_all": "Every image treated as a face",
    "fill": "Written in the place of the face", "on_failure": "If no face is found for sure",
    "mask_source": "Mask of T1w and T2w", "brain_limit": "What keeps masks off the brain",
    "relabel": "Labels", "dates": "Dates", "k": "Participants who share each combination",
    "known_terms": "List of words that must not occur",
    "scrub_text": "Documents with identifiers cut, not withheld",
}  # fmt: skip


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not enforced" if value is None else str(value)


def rules_part(made: Certificate) -> str:
    """Return the rules as prose."""
    origin = (
        "written or changed by the owner of the data"
        if made.rules.own
        else "as it comes with the program"
    )
    digest = element("span", text(made.rules.sha256), class_="digest")
    intro = f"Policy {made.rules.name} {made.rules.version}, {origin}. {made.rules.description}"
    return (
        paragraph(intro)
        + element("p", f"SHA-256 of the rules: {digest}", class_="note")
        + element("div", prose("\n".join(made.rules.prose)), class_="rules")
    )


def paragraph(sentence: str) -> str:
    """Return a paragraph of text."""
    return element("p", marked(sentence))


def _note(sentence: str) -> str:
    return element("p", marked(sentence), class_="note")


def _counts(caption: str, columns: Sequence[str], numbers: Mapping[str, int]) -> str:
    rows = [(name, f"{number:,}") for name, number in numbers.items()]
    return printed_table(caption, columns, rows, "counts", 1)
