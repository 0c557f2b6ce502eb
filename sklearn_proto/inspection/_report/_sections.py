"""Sections of a report, each from what the model has."""

import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from sklearn_proto.explain import name
from sklearn_proto.inspection._explanation import ExplanationDisplay
from sklearn_proto.inspection._prototype_path import PrototypePathDisplay
from sklearn_proto.inspection._prototypes import PrototypeDisplay
from sklearn_proto.inspection._reasoning import ReasoningDisplay
from sklearn_proto.inspection._relevance import RelevanceDisplay
from sklearn_proto.inspection._report._page import (
    Section,
    paragraph,
    picture,
    subheading,
    table,
)
from sklearn_proto.inspection._report._subject import Subject
from sklearn_proto.robustness import CertifiedAccuracyDisplay, certified_radius

# More prototypes or matrices than this are not drawn, but counted.
_DRAWN = 60
_MATRICES = 6
_LONGEST_VALUE = 160
_RIGHT, _WRONG = (42, 127, 98), (181, 71, 60)


def accuracy(subject: Subject) -> Section:
    """Share of right predictions, and the confusions."""
    right, n = int(subject.right.sum()), len(subject.y)
    _, counts = np.unique(subject.y, return_counts=True)
    words = (
        f"{right} of {n} rows are classified rightly, an accuracy of {right / n:.3f}. "
        f"Always naming the commonest class would give {counts.max() / n:.3f}."
    )
    return Section("Accuracy", paragraph(words) + _confusion(subject))


def _confusion(subject: Subject) -> str:
    labels = np.union1d(subject.y, subject.model.classes_)
    counts = confusion_matrix(subject.y, subject.predictions, labels=labels)
    names = [name(label) for label in labels]
    rows = [
        [label, *(str(c) for c in line), str(line.sum())]
        for label, line in zip(names, counts, strict=True)
    ]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shades = [
        [*(_shade(value, diagonal=i == j) for j, value in enumerate(line)), ""]
        for i, line in enumerate(share)
    ]
    header = ["true class", *names, "all"]
    caption = "Rows of each class (down) and what they are classified as (across)."
    return table(caption, header, rows, shades=shades)


def _shade(share: float, *, diagonal: bool) -> str:
    colour = ",".join(map(str, _RIGHT if diagonal else _WRONG))
    return f"rgba({colour},{0.45 * share:.2f})" if share else ""


def prototypes(subject: Subject) -> Section:
    """Gallery."""
    unwrapped, count = subject.unwrapped, len(subject.model.prototypes_)
    images = unwrapped.pictures(subject.image_shape) is not None
    if not images and unwrapped.points() is None:
        body = paragraph(
            f"The {count} prototypes are latent, of shape "
            f"{subject.model.prototypes_.shape[1:]}, and have no pictures."
        )
        return Section("Prototypes", body)
    how = _HOW_IMAGES if images else _HOW_ROWS
    if unwrapped.units and not images:
        how += f" Features are drawn {unwrapped.units}, as the classifier sees them, "
        how += "where a step in front of it cannot be undone."
    some = f" The first {_DRAWN} of {count} are drawn." if count > _DRAWN else ""
    body = picture(
        lambda figure: PrototypeDisplay.from_estimator(
            subject.estimator,
            subject.X,
            prototypes=np.arange(min(count, _DRAWN)),
            image_shape=subject.image_shape,
            feature_names=unwrapped.feature_names,
            ax=figure,
        ),
        f"{count} prototypes, each with its class",
        how + some,
    )
    intro = paragraph(
        f"A row is compared with each of {count} prototypes; what it is like decides."
    )
    return Section("Prototypes", intro + body + _path(subject))


def _path(subject: Subject) -> str:
    """How the number of prototypes was chosen, if the fit chose it."""
    if not hasattr(subject.model, "prototype_path_"):
        return ""
    return picture(
        lambda figure: PrototypePathDisplay.from_estimator(
            subject.estimator, ax=figure
        ),
        "Accuracy and loss against the number of prototypes",
        "What more prototypes bring on rows that were held out from the training rows. "
        "A bar is the standard error of the distance from the best, and a ring is "
        "around the number that was chosen.",
    )


_HOW_IMAGES = "The prototypes as images, and in a frame the part that counts, if any."
_HOW_ROWS = (
    "The prototypes feature by feature, on a scale from the 5% quantile of the rows to "
    "the 95% quantile. Shades are the middle 90% and the middle half of the rows, and "
    "a bar leads to the prototype from their median, or from the lowest value of a "
    "feature that ends there, as a count does at 0: what is absent has no bar. A "
    "triangle says that a bar goes on."
)


def reasoning(subject: Subject) -> Section:
    """Draw what the model does with similarities or distances."""
    # The first head says all: weights that follow from a reasoning are not shown again.
    heads = [show for name, show in _HEADS.items() if hasattr(subject.model, name)]
    parts = [show(subject) for show in heads[:1]]
    if hasattr(subject.model, "relevance_matrix_"):
        parts.append(_relevances(subject))
    nothing = paragraph(
        "The model has nothing besides its prototypes: no weights, no reasoning and no "
        "relevances. How they decide is shown row by row below."
    )
    return Section("Reasoning", "".join(parts or [nothing]))


def _concepts(subject: Subject) -> str:
    caption = (
        "To the right, the probability that a class asks a component to be present; to "
        "the left, to be absent."
    )
    if hasattr(subject.model, "requiredness_"):
        caption += (
            " Bars are the prior of a component times its requiredness, and grey is "
            "what stays indefinite. The model divides by the definite mass."
        )
    return picture(
        lambda figure: ReasoningDisplay.from_estimator(subject.estimator, ax=figure),
        "For every class, bars of what each component must be",
        caption,
    )


def _relevances(subject: Subject) -> str:
    matrices = subject.model.relevance_matrix_
    count = len(matrices) if matrices.ndim == 3 else 1
    some = f" The first {_MATRICES} of {count} are drawn." if count > _MATRICES else ""
    return picture(
        lambda figure: RelevanceDisplay.from_estimator(
            subject.estimator,
            matrices=np.arange(min(count, _MATRICES)),
            feature_names=subject.unwrapped.names_seen(),
            ax=figure,
        ),
        "Relevances of the learned metric",
        "How features count together in the distance, where there is a matrix; how "
        "much each counts, as the classifier sees it; and the share of each direction."
        + some,
    )


def _weights(subject: Subject) -> str:
    model = subject.model
    labels = getattr(model, "prototype_labels_", None)
    rows = []
    for j, weights in enumerate(model.coef_.T[:_DRAWN]):
        of = "" if labels is None else f" of {name(labels[j])}"
        rows.append([f"prototype {j}{of}", *(f"{w:.3g}" for w in weights)])
    if hasattr(model, "intercept_"):
        rows.append(["baseline", *(f"{b:.3g}" for b in model.intercept_)])
    header = ["prototype", *(name(label) for label in model.classes_)]
    some = f" The first {_DRAWN} prototypes." if model.coef_.shape[1] > _DRAWN else ""
    caption = "Weight of each prototype (down) in the score of each class (across)."
    return table(caption + some, header, rows)


_HEADS = {"reasoning_": _concepts, "coef_": _weights}


def decisions(subject: Subject, chosen: dict[int, str]) -> Section:
    """Explain rows one by one."""
    rows = np.array(list(chosen), dtype=np.intp)
    explanation = subject.unwrapped.explain(subject.X, rows)
    parts = []
    for card, (i, why) in zip(explanation, chosen.items(), strict=True):
        truth = "rightly" if subject.right[i] else f"but it is {name(subject.y[i])}"
        heading = f"Row {i}: {why}" if why else f"Row {i}"
        verdict = f"Classified as {name(subject.predictions[i])}, {truth}."
        if said := subject.unwrapped.verdict(subject.X, i):
            verdict += f" {said}; what follows explains the model inside."
        parts += [subheading(heading), paragraph(verdict), card._repr_html_()]
        parts.append(_waterfall(subject, i))
    return Section("Decisions", "".join(parts))


def _waterfall(subject: Subject, i: int) -> str:
    return picture(
        lambda figure: ExplanationDisplay.from_estimator(
            subject.estimator,
            subject.X,
            i,
            image_shape=subject.image_shape,
            feature_names=subject.unwrapped.feature_names,
            ax=figure,
        ),
        f"Row {i} beside what decides, and the parts of the decision as bars",
        "Every bar begins where the one above it ends; the last is the sum.",
    )


def certificates(subject: Subject) -> Section:
    """Certified accuracy, or the reason why nothing is proven."""
    title = "Certified accuracy"
    try:
        radius = certified_radius(
            subject.estimator, subject.X, subject.y, norm=subject.norm
        )
    except (TypeError, ValueError) as error:
        why = f"Nothing is proven about this model: {error}"
        return Section(title, paragraph(why))
    words = (
        "No perturbation smaller than the radius of a row changes its prediction. "
        "Radii are proven, and in the units of the rows. Rows that are classified "
        "wrongly count as radius 0."
    )
    curve = picture(
        lambda figure: CertifiedAccuracyDisplay.from_predictions(
            subject.y,
            subject.predictions,
            radius=radius,
            norm=subject.norm,
            name="certified",
            ax=figure.subplots(),
        ),
        "Certified accuracy over the radius",
        "Share of rows that are classified rightly whatever happens within a radius.",
    )
    return Section(title, paragraph(words) + curve + _shares(radius))


def _shares(radius: NDArray[np.float64]) -> str:
    finite = radius[np.isfinite(radius)]
    largest = float(finite.max()) if len(finite) else 0.0
    sizes = [0.0, *(share * largest for share in (0.1, 0.2, 0.4, 0.8) if largest)]
    rows = [
        [f"{size:.3g}", f"{np.mean((radius > 0) & (radius >= size)):.3f}"]
        for size in sizes
    ]
    return table("The same in numbers.", ["radius", "certified accuracy"], rows)


def parameters(subject: Subject) -> Section:
    """Parameters of the classifier and of the steps in front of it."""
    return Section("Parameters", "".join(_parameters(step) for step in subject.steps))


def _parameters(step: Any) -> str:
    defaults = inspect.signature(type(step)).parameters
    rows = []
    for parameter, value in step.get_params(deep=False).items():
        text = repr(value)
        known = defaults.get(parameter)
        default = known is not None and repr(known.default) == text
        if len(text) > _LONGEST_VALUE:
            text = text[:_LONGEST_VALUE] + " ..."
        rows.append([parameter, text, "default" if default else "set"])
    return table(
        type(step).__name__, ["parameter", "value", "source"], rows, words=True
    )
