"""How many prototypes it takes to read digits, and what fewer of them cost.

Models with more and more prototypes are tried on digits that are held out. Digits that
are lost most get most of the new prototypes. The certified accuracy is the share that
is read rightly whatever is added to the image within an l2 distance of 5, of pixels
from 0 to 16.

Run ``python docs/examples/plot_prototype_path.py [picture.png]``. With a path the
picture is saved there, without one it is shown.
"""

import sys

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sklearn_proto import GLVQClassifier, prototype_path
from sklearn_proto.inspection import PrototypePathDisplay


def main(path=None):
    X, y = load_digits(return_X_y=True)
    model = GLVQClassifier(random_state=0)
    found = prototype_path(model, X, y, radius=5.0, max_prototypes=160, random_state=0)
    for counts, accuracy in zip(
        found.n_prototypes_per_class, found.accuracy, strict=True
    ):
        print(f"{counts.sum():4d} prototypes: accuracy {accuracy:.3f}, {counts}")
    display = PrototypePathDisplay.from_path(found)
    if path is None:
        plt.show()
    else:
        display.figure_.savefig(path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
