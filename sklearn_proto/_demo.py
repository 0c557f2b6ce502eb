"""The main job on real data: train, compare, explain a row, certify."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_proto.explain import Explanation
from sklearn_proto.robustness import certified_radius
from sklearn_proto.shallow import CBCClassifier

RADII = (0.05, 0.1, 0.2, 0.4)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the demonstration from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_proto",
        description="Train, explain and certify on breast cancer and digits.",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("sklearn_proto_demo"),
        help="folder for the pictures (default: %(default)s)",
    )
    output = parser.parse_args(arguments).output
    output.mkdir(parents=True, exist_ok=True)
    tables = {
        "breast cancer": (load_breast_cancer(), None, (1, 2, 4)),
        "digits": (load_digits(), (8, 8), (2, 5)),
    }
    for title, (bunch, image_shape, grid) in tables.items():
        picture = output / f"{title.replace(' ', '_')}.png"
        demonstrate(title, bunch, grid, image_shape, picture)


def demonstrate(
    title: str,
    bunch: Any,
    grid: Sequence[int],
    image_shape: tuple[int, int] | None,
    picture: Path,
) -> None:
    """Do the main job on one data set and print what came out."""
    print(f"\n{title}: {bunch.data.shape[0]} rows, {bunch.data.shape[1]} features")
    y = np.asarray(bunch.target_names)[bunch.target]
    X, X_test, y, y_test = train_test_split(
        bunch.data, y, test_size=0.3, stratify=y, random_state=0
    )
    search = tuned_pipeline(grid).fit(X, y)
    print(f"  GridSearchCV chose {search.best_params_}")
    print("  test accuracy")
    print(f"    CBCClassifier       {search.score(X_test, y_test):.3f}")
    for peer in (SVC(), LogisticRegression(max_iter=1000)):
        score = make_pipeline(StandardScaler(), peer).fit(X, y).score(X_test, y_test)
        print(f"    {type(peer).__name__:19} {score:.3f}")

    scaler, model = search.best_estimator_.named_steps.values()
    rows = scaler.transform(X_test)
    explanation = replace(
        model.explain(rows[:1]),
        # Drawn in the units of the data, not of the scaler.
        X=X_test[:1],
        prototypes=scaler.inverse_transform(model.prototypes_),
        feature_names=np.asarray(bunch.feature_names, dtype=object),
    )
    print(f"  {explanation}")
    save_picture(explanation, image_shape, picture)
    print_certificates(model, rows, y_test)


def tuned_pipeline(grid: Sequence[int]) -> GridSearchCV:
    """Scaler and classifier, searched over the number of prototypes."""
    pipeline = Pipeline(
        [
            ("scale", StandardScaler()),
            ("cbc", CBCClassifier(max_iter=2000, random_state=0)),
        ]
    )
    return GridSearchCV(pipeline, {"cbc__n_prototypes_per_class": list(grid)}, cv=3)


def save_picture(
    explanation: Explanation, image_shape: tuple[int, int] | None, picture: Path
) -> None:
    """Draw the explained row, where matplotlib is installed."""
    try:
        figure = explanation.plot(image_shape=image_shape, k=4)
    except ImportError:
        print("  (install matplotlib for a picture of it)")
        return
    figure.savefig(picture, dpi=120)
    print(f"  drawn in {picture}")


def print_certificates(
    model: CBCClassifier, rows: NDArray[np.float64], y: NDArray[Any]
) -> None:
    """Print the share of rows that no perturbation of a given size can flip."""
    radius = certified_radius(model, rows, y)
    print("  certified accuracy (l2 radius in standard deviations of the features)")
    for eps in RADII:
        print(f"    {eps:<5}  {np.mean(radius >= eps):.3f}")
