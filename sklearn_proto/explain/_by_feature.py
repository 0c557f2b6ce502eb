"""Summary of a row by what each feature adds where two prototypes decide."""

from sklearn_proto._drawing._text import brief
from sklearn_proto.explain._nearest import NearestPrototypeExplanation
from sklearn_proto.explain._row_summary import Part, RowSummary, Sample, row_summary
from sklearn_proto.explain._sentence import headline, listed, name


@row_summary.register
def by_feature(row: NearestPrototypeExplanation, k: int) -> RowSummary:
    """Summary of one row with its `k` most important features."""
    winner, rival = (int(j) for j in row.deciding[0])
    return RowSummary(
        sentence=_sentence(row),
        title=_title(row),
        samples=[Sample("this row", row.X[0]), *_samples(row)],
        feature_names=row.feature_names,
        headings=("this row", _prototype(row, winner), _prototype(row, rival)),
        parts=[_part(row, int(f)) for f in row.top_features(k)[0]],
        rest=_rest(row, k),
        total=row.decision,
        terms=row.feature_terms[0],
    )


def _sentence(row: NearestPrototypeExplanation, k: int = 3) -> str:
    """Say what was predicted, which two prototypes decided, and by which features."""
    (winner, rival), (near, far) = row.deciding[0], row.deciding_distances[0]
    label, other = (name(row.prototype_labels[j]) for j in (winner, rival))
    terms, names = row.feature_terms[0], row.feature_names
    named = [f"{names[f]} ({terms[f]:+.3g})" for f in row.top_features(k)[0]]
    return (
        f"Row {row.row_indices[0]} is classified as {label}: its closest prototype of "
        f"{label}, prototype {winner}, is at {near:.3g}, and that of the runner-up "
        f"{other}, prototype {rival}, at {far:.3g}. The {row.decision}, "
        f"{row.decision_values[0]:.3g}, is mostly made of {listed(named)}."
    )


def _prototype(row: NearestPrototypeExplanation, j: int) -> str:
    return f"prototype {j} of {brief(name(row.prototype_labels[j]))}"


def _title(row: NearestPrototypeExplanation) -> str:
    """Prediction and runner-up with what was compared: distances, if it was those."""
    measured, (near, far) = _measured(row), row.deciding_distances[0]
    if measured is None:
        return headline(row)
    (winner, rival) = row.winners[0], row.runners_up[0]
    return (
        f"{brief(name(row.classes[winner]))} (at {measured} {near:.3g}) rather than "
        f"{brief(name(row.classes[rival]))} (at {far:.3g})"
    )


def _measured(row: NearestPrototypeExplanation) -> str | None:
    """Name what is compared, a distance or squared distance; None if it is neither."""
    before, _, what = row.decision.partition("difference of the ")
    return None if before or not what else what.removesuffix("s")


def _samples(row: NearestPrototypeExplanation) -> list[Sample]:
    return [
        Sample(
            f"prototype {j}\n{brief(name(row.prototype_labels[j]))}\n"
            f"{_measured(row) or 'distance'} {away:.3g}",
            row.prototypes[j],
        )
        for j, away in zip(row.deciding[0], row.deciding_distances[0], strict=True)
    ]


def _part(row: NearestPrototypeExplanation, f: int) -> Part:
    samples = row.X[0], *row.prototypes[row.deciding[0]]
    notes = tuple(f"{sample[f]:.3g}" for sample in samples)
    return Part(str(row.feature_names[f]), row.feature_terms[0, f], notes)


def _rest(row: NearestPrototypeExplanation, k: int) -> list[Part]:
    terms = row.feature_terms[0]
    if k >= len(terms):
        return []
    top = row.top_features(k)[0]
    return [Part("other features", terms.sum() - terms[top].sum())]
