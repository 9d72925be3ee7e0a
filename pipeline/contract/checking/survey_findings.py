"""What a survey comes to, in sentences, each with the field to set."""

from collections.abc import Iterable, Iterator, Sequence

from pipeline.contract import Exif, ModelContract
from pipeline.contract.checking.evidence import FEWEST_PHOTOS, Verdict
from pipeline.contract.checking.findings import Finding, note, ok, wrong
from pipeline.contract.checking.neighbours import Aspect
from pipeline.contract.checking.photo_set import PhotoSet
from pipeline.contract.checking.survey import Row, Survey

_SECTION = "neighbours"
_MOST_NAMED = 3


def photo_findings(photos: PhotoSet) -> Iterator[Finding]:
    """What there is to say about the photos themselves."""
    groups, rejected = len(photos.canvases), photos.rejected
    found = f"{len(photos.paths)} photos, {groups} of them different"
    labelled = int(photos.labelled.sum())
    yield ok("photos", f"{found}, {labelled} with a label." if labelled else f"{found}.")
    if rejected:
        named = ", ".join(f"{path.name} ({refused.reason})" for path, refused in rejected[:_MOST_NAMED])
        more = f" and {len(rejected) - _MOST_NAMED} more" if len(rejected) > _MOST_NAMED else ""
        yield note("photos", f"validation would reject {named}{more}: left out.")
    if groups < FEWEST_PHOTOS:
        yield note(
            "photos",
            f"{groups} different photos tell nothing of neighbouring contracts: give at least {FEWEST_PHOTOS}.",
        )


def survey_findings(survey: Survey, contract: ModelContract) -> Iterator[Finding]:
    """What the photos say of the contract: what does better, what cannot be told, or that nothing does better."""
    _, *others = survey.rows
    yield from _advice(survey)
    hints = [*_hints(others, len(survey.photos.canvases)), *_turned(survey, contract)]
    yield from hints
    judged = [row for row in others if row.verdict is not None]
    if judged and not survey.advice:
        better = "is sure to do better" if hints else "does better"
        yield ok(_SECTION, f"none of {len(judged)} neighbouring contracts {better} than what is declared.")
    yield from _open_questions(others, len(survey.photos.canvases), contract)


def _advice(survey: Survey) -> Iterator[Finding]:
    declared, *others = survey.rows
    rows = {row.neighbour: row for row in others}
    for step, neighbour in enumerate(survey.advice):
        if step:
            yield wrong(_SECTION, f"with that changed, {neighbour.name} does better still. Set {neighbour.fix}.")
        else:
            better = _improvement(rows[neighbour], declared)
            yield wrong(
                _SECTION, f"{neighbour.name} looks better than what is declared: {better}. Set {neighbour.fix}."
            )
    if survey.equals:
        names = _listed(each.name for each in survey.equals)
        best = survey.advice[0].name
        yield note(_SECTION, f"{names} may do as well as {best}: these photos do not tell which is right.")


def _hints(rows: Sequence[Row], groups: int) -> Iterator[Finding]:
    """What a few photos point at, and do not prove."""
    for row in rows:
        if row.verdict is Verdict.PERHAPS_BETTER and row.neighbour and row.tally:
            yield note(
                _SECTION,
                f"{row.name} looks better, {row.tally.odds:,.0f} : 1 on {groups} different photos:"
                f" {_are_right(row.tally.gained)} with it only, {row.tally.lost} as declared only. Set"
                f" {row.neighbour.fix} if more photos, or the code that trained the model, say so.",
            )


def _turned(survey: Survey, contract: ModelContract) -> Iterator[Finding]:
    if contract.pixels.exif is Exif.APPLY or not survey.turned:
        return
    declared, *others = survey.rows
    upright = next(row for row in others if row.neighbour and row.neighbour.aspect is Aspect.EXIF)
    evidence = f" With it applied: {said}." if (said := _improvement(upright, declared)) else ""
    yield note(
        _SECTION,
        f"{survey.turned} of {len(survey.photos.paths)} photos carry an EXIF orientation that the contract ignores: the"
        f" model sees them turned.{evidence} Set pixels.exif to apply, unless it was trained on such photos.",
    )


def _are_right(photos: int) -> str:
    return "1 is right" if photos == 1 else f"{photos} are right"


def _improvement(row: Row, declared: Row) -> str:
    """The evidence, in the words of the table's columns."""
    said = []
    if row.accuracy is not None and declared.accuracy is not None:
        said.append(f"accuracy {row.accuracy:.2f} instead of {declared.accuracy:.2f}")
    if row.label_probability is not None and declared.label_probability is not None:
        said.append(f"labels are given {row.label_probability:.3f} instead of {declared.label_probability:.3f}")
    if row.recognition is not None and declared.recognition is not None:
        said.append(f"recognition {row.recognition:.3f} instead of {declared.recognition:.3f}")
    return ", ".join(said)


def _open_questions(rows: Sequence[Row], groups: int, contract: ModelContract) -> Iterator[Finding]:
    same = [row.name for row in rows if row.verdict is Verdict.SAME]
    if same:
        yield note(_SECTION, f"{_listed(same)} would make no difference to what is declared.")
    undecided = [row.name for row in rows if row.verdict is Verdict.UNDECIDED]
    if undecided:
        more = "more photos" if any(row.accuracy is not None for row in rows) else "more photos, or labels for them,"
        yield note(
            _SECTION,
            f"{groups} different photos do not tell what is declared from {_listed(undecided)}: {more} may.",
        )
    unjudged = [row for row in rows if row.verdict is None]
    names = _listed(row.name for row in unjudged) if unjudged else ""
    if unjudged and contract.task.is_labelled:
        stake = 1 - min(row.agreement for row in unjudged)
        yield note(
            _SECTION,
            f"without labels (--labels) nothing can be said of {names}; which is right decides the best class of up to"
            f" {stake:.0%} of the photos.",
        )
    elif unjudged:
        yield note(
            _SECTION,
            f"the task {contract.task} has no classes that could be right or wrong: of {names} the table"
            " shows how much the answers differ, not which are better.",
        )


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
