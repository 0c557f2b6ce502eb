"""Write the report."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_proto._inputs._labels import checked_labels
from sklearn_proto._inputs._norm import checked_norm
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import shown, validated
from sklearn_proto.inspection._arguments import check_arguments
from sklearn_proto.inspection._chosen import chosen
from sklearn_proto.inspection._report import _sections
from sklearn_proto.inspection._report._page import page, table
from sklearn_proto.inspection._report._subject import Subject
from sklearn_proto.inspection._report._telling import telling_rows
from sklearn_proto.inspection._unwrapped_model import unwrap_model


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    path="no_validation",
    rows="no_validation",
    norm="no_validation",
    image_shape="no_validation",
    feature_names="no_validation",
    title="no_validation",
)
def report(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    path: str | PathLike[str],
    *,
    rows: ArrayLike | None = None,
    norm: float = 2,
    image_shape: tuple[int, ...] | None = None,
    feature_names: ArrayLike | None = None,
    title: str | None = None,
) -> Path:
    """Write all there is to see of a fitted model into one HTML file.

    Accuracy, prototypes, reasoning, a few decisions taken apart, certified accuracy
    and parameters. The file holds its pictures, has no scripts and loads nothing, so it
    can be sent, archived and opened anywhere.

    Parameters
    ----------
    estimator : classifier, Pipeline or search
        A fitted classifier with prototypes, alone or at the end of a pipeline.
    X : array-like of shape (n_samples, n_features)
        Rows that the model was not fitted on.
    y : array-like of shape (n_samples,)
        Their labels.
    path : str or path
        File to write, which is overwritten.
    rows : array-like of int, optional
        Rows to explain; by default a typical one, the narrowest decision and the
        mistake with the largest lead.
    norm : {1, 2, inf} or float >= 1
        The lp norm of certified radii.
    image_shape : tuple of int, optional
        Shape of a row as an image, (height, width) or (height, width, channels). Models
        of images know it.
    feature_names : array-like of shape (n_features,), optional
        Names of the features; by default those that the model was fitted on.
    title : str, optional
        Title of the report.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    TypeError
        If the classifier has no prototypes.
    ValueError
        If an argument does not fit the model or the rows.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import CBCClassifier
    >>> from sklearn_proto.inspection import report
    >>> X, y = load_iris(return_X_y=True)
    >>> model = CBCClassifier(random_state=0).fit(X[::2], y[::2])
    >>> with TemporaryDirectory() as folder:
    ...     file = report(model, X[1::2], y[1::2], f"{folder}/iris.html", rows=[0])
    ...     "Certified accuracy" in file.read_text(encoding="utf-8")
    True
    """
    check_arguments("report", title=title)
    if not isinstance(path, str | PathLike) or "\0" in str(path):
        raise TypeError(f"path={shown(path)} must be a str or a path, without a null.")
    subject = _subject(estimator, X, y, norm, image_shape, feature_names)
    if rows is None:
        explained = telling_rows(subject)
    else:
        numbers = chosen("rows", rows, len(subject.y))
        explained = {int(i): "" for i in numbers}
    sections = [
        _sections.accuracy(subject),
        _sections.prototypes(subject),
        _sections.reasoning(subject),
        _sections.decisions(subject, explained),
        _sections.certificates(subject),
        _sections.parameters(subject),
    ]
    heading = title or f"{type(subject.model).__name__} on {len(subject.y)} rows"
    file = Path(path)
    text = page(heading, _summary(subject), sections)
    # Half a letter, as a name may hold, has no bytes.
    file.write_text(text, encoding="utf-8", errors="backslashreplace")
    return file


def _subject(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    norm: float,
    image_shape: tuple[int, ...] | None,
    feature_names: ArrayLike | None,
) -> Subject:
    unwrapped = unwrap_model(estimator, feature_names)
    n = len(np.asarray(estimator.predict(X)))  # It refuses what are no rows.
    truth = checked_labels(y, n)
    unwrapped.pictures(image_shape)  # A wrong shape is an error at once.
    return Subject(estimator, unwrapped, X, truth, image_shape, checked_norm(norm))


def _summary(subject: Subject) -> str:
    model, unwrapped = subject.model, subject.unwrapped
    steps = " → ".join(type(step).__name__ for step in subject.steps)
    rows = [
        ["model", steps],
        ["rows", str(len(subject.y))],
        ["features", str(len(unwrapped.feature_names))],
        ["classes", str(len(model.classes_))],
        ["prototypes", str(len(model.prototypes_))],
    ]
    return table("What was looked at.", ["property", "value"], rows, words=True)
