"""Summary of a row by what each prototype adds to the lead over the runner-up."""

from sklearn_proto._drawing._text import brief
from sklearn_proto.explain._explanation import Explanation
from sklearn_proto.explain._row_summary import Part, RowSummary, Sample, row_summary
from sklearn_proto.explain._sentence import describe, headline, name


@row_summary.register
def by_prototype(row: Explanation, k: int) -> RowSummary:
    """Summary of one row with its `k` most important prototypes."""
    top = [int(j) for j in row.top(k)[0]]
    parts = [prototype_part(row, j, row.decisive[0, j]) for j in top]
    return RowSummary(
        sentence=describe(row),
        title=headline(row),
        samples=[Sample("this row", row.X[0]), *(_sample(row, j) for j in top)],
        feature_names=row.feature_names,
        headings=("similarity",),
        parts=parts,
        rest=_rest(row, top),
        total=f"lead over {brief(name(row.classes[row.runners_up[0]]))}",
    )


def prototype_part(row: Explanation, j: int, size: float) -> Part:
    """Make the bar of a prototype, with its class and how like it the row is."""
    label = f"prototype {j} of {brief(name(row.prototype_labels[j]))}"
    return Part(label, size, (f"{row.similarities[0, j]:.2f}",))


def _rest(row: Explanation, top: list[int]) -> list[Part]:
    effects, winner, rival = row.decisive[0], row.winners[0], row.runners_up[0]
    rest = [Part("baseline", row.baseline[winner] - row.baseline[rival])]
    if len(top) < len(effects):
        others = Part("other prototypes", effects.sum() - effects[top].sum())
        rest.insert(0, others)
    return [part for part in rest if part.size]


def _sample(row: Explanation, j: int) -> Sample:
    label, phi = brief(name(row.prototype_labels[j])), row.similarities[0, j]
    return Sample(f"prototype {j}\n{label}\nsimilarity {phi:.2f}", row.prototypes[j])
