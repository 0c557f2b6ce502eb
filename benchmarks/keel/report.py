"""Means, ranks and paired differences over tables (Demsar 2006)."""

from textwrap import wrap

import numpy as np
from scipy.stats import friedmanchisquare, rankdata, studentized_range

MEANS = ("accuracy", "balanced accuracy", "log loss", "ECE", "overconfidence")
ALIKE = 1e-9  # Accuracies that differ by less are the same.
LARGE = 300  # Rows of tables on which no model shall be far below SVC.
N_WORST = 5


class Results:
    """Means over folds, by measure: arrays of tables x labels.

    Only tables with all folds of all labels count. `records` maps a table to labels to
    a list of records, and `rows` a table to its number of rows.
    """

    def __init__(self, records, labels, rows):
        self.labels = labels
        self.tables = [t for t, found in records.items() if all(map(found.get, labels))]
        self.left_out = [t for t in records if t not in self.tables]
        self.rows = np.array([rows[t] for t in self.tables])
        self._records = records

    def of(self, measure, empty=np.nan):
        """Means over folds; `empty` where a model lacks the measure."""
        return np.array(
            [
                [
                    np.mean([r.get(measure, empty) for r in self._records[t][label]])
                    for label in self.labels
                ]
                for t in self.tables
            ]
        )


def critical_difference(n_models, n_tables):
    """Of mean ranks at 5 %, by Nemenyi's test."""
    q = studentized_range.ppf(0.95, n_models, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_models * (n_models + 1) / (6 * n_tables)))


def paired(differences):
    """Mean and its standard error over tables, wins, ties and losses, as a row."""
    n, alike = len(differences), np.abs(differences) <= ALIKE
    error = differences.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    wins, losses = (differences > ALIKE).sum(), (differences < -ALIKE).sum()
    return f"{differences.mean():+.4f} +- {error:.4f}  {wins}/{alike.sum()}/{losses}"


def ratio(seconds, of, to):
    """Median, over tables, of fit times relative to those of a model."""
    return float(np.median(seconds[:, of] / seconds[:, to]))


def row(results, ranks, j, references):
    """Line of a label: means, rank, prototypes, fit time, and differences."""
    cells = [f"{results.of(name)[:, j].mean():9.4f}" for name in MEANS]
    prototypes = np.median(results.of("prototypes")[:, j])
    certified = results.of("certified")[:, j].mean()
    seconds = results.of("fit seconds")
    cells += [
        f"{ranks[:, j].mean():6.2f}",
        f"{'' if np.isnan(prototypes) else format(prototypes, '.1f'):>7}",
        f"{'' if np.isnan(certified) else format(certified, '.4f'):>9}",
        f"{np.median(seconds[:, j]):8.3f}",
    ]
    for reference in references:
        k = results.labels.index(reference)
        cells.append(f"{ratio(seconds, j, k):>{len(over(reference))}.2f}")
    return f"{results.labels[j]:34}" + " ".join(cells)


def over(reference):
    """Title of the column of fit times over those of a model."""
    return f"/ {reference}"


def header(references):
    names = ("accuracy", "balanced", "log loss", "ECE", "overconf.")
    cells = [f"{name:>9}" for name in names]
    cells += [f"{'rank':>6}", f"{'p/class':>7}", f"{'certified':>9}"]
    cells += [f"{'fit, s':>8}"]
    cells += [over(name) for name in references]
    return f"{'':34}" + " ".join(cells)


def comparison(results, reference):
    """Paired differences of accuracy and log loss to the reference, label by label."""
    k = results.labels.index(reference)
    accuracy, loss = results.of("accuracy"), results.of("log loss")
    lines = [
        f"less {reference}: mean +- standard error over tables, wins/ties/losses",
        f"{'':34}{'accuracy':30}log loss (less is better)",
    ]
    for j, label in enumerate(results.labels):
        if j != k:
            gained = paired(accuracy[:, j] - accuracy[:, k])
            lost = paired(loss[:, j] - loss[:, k])
            lines.append(f"{label:34}{gained:30}{lost}")
    return lines


def worst(results, reference):
    """The lowest differences of accuracy to the reference on tables that are large."""
    k, large = results.labels.index(reference), results.rows >= LARGE
    accuracy = results.of("accuracy")[large]
    names = [t for t, yes in zip(results.tables, large, strict=True) if yes]
    lines = [f"lowest accuracy less {reference}, tables of {LARGE} rows or more"]
    for j, label in enumerate(results.labels):
        gaps = accuracy[:, j] - accuracy[:, k]
        order = np.argsort(gaps)[:N_WORST]
        if j != k:
            shown = ", ".join(f"{names[i]} {gaps[i]:+.3f}" for i in order)
            lines.append(f"{label:34}{shown}")
    return lines


def ranking(ranks):
    """Friedman's test and the critical difference of mean ranks."""
    n_tables, n_models = ranks.shape
    if n_models < 3 or n_tables < 2:
        return []
    p = friedmanchisquare(*ranks.T).pvalue
    width = critical_difference(n_models, n_tables)
    return [f"critical difference of ranks {width:.2f} (5 %), Friedman p = {p:.1e}"]


def listed(title, names):
    """Lines of a width that can be read."""
    text = f"{title}: {', '.join(sorted(names))}"
    return wrap(text, 110, subsequent_indent="  ", break_on_hyphens=False)


def report(results, reference, plain):
    """Lines for the models on some tables.

    Differences are to `reference` and, for the lowest, to `plain`; fit times to those
    of `reference` and of gradient boosting. What was not run is not shown.
    """
    if not results.tables:
        return ["no table has results of all models"]
    ranks = rankdata(-results.of("accuracy").round(9), axis=1)
    references = [
        name
        for name in dict.fromkeys((reference, "gradient boosting"))
        if name in results.labels
    ]
    order = np.argsort(-results.of("accuracy").mean(axis=0), kind="stable")
    lines = listed(f"{len(results.tables)} tables", results.tables)
    if results.left_out:
        lines += listed("left out, not complete", results.left_out)
    lines += [header(references)]
    lines += [row(results, ranks, j, references) for j in order]
    lines += ranking(ranks)
    if reference in results.labels:
        lines += ["", *comparison(results, reference)]
    if plain in results.labels:
        lines += ["", *worst(results, plain)]
    return lines
