"""The twelve estimators describe what they share in the same words."""

import ast
import inspect
import re
from itertools import combinations

import pytest
from numpydoc.docscrape import ClassDoc
from sklearn.utils._testing import assert_docstring_consistency

from tests.instances import public_estimators

# In one order in every process: workers must collect the same tests.
_BY_NAME = sorted(public_estimators(), key=lambda cls: cls.__name__)
CLASSES = {c.__name__.removesuffix("Classifier"): c for c in _BY_NAME}
KERNEL = ("CBC", "RBF")
NEAREST = ("GLVQ", "GMLVQ", "GTLVQ", "LGMLVQ")
LVQ = (*NEAREST, "RSLVQ")
SHALLOW = (*KERNEL, *LVQ)
PART = ("CBCNet", "ProtoPNet", "STProtoPNet")
WHOLE = ("ProbPSENN", "PrototypeAutoencoder")
DEEP = (*PART, *WHOLE)

# Entries that are meant to differ: why, and the groups within which they agree.
MEANT = {
    "n_prototypes_per_class": (
        "parts need more; one of each set; distinct rows bind only where rows are held",
        SHALLOW,
        ("CBCNet", "ProtoPNet"),
        ("STProtoPNet",),
        ("ProbPSENN",),
    ),
    "init": (
        "what a prototype is: a row, a patch or channel, a code",
        SHALLOW,
        *((name,) for name in DEEP),
    ),
    "metric": ("a kernel of it, or it alone", KERNEL, ("GLVQ",)),
    "n_tangents": ("of one metric, or of the model", KERNEL, ("GTLVQ",)),
    "sigma": ("a width in units of D, or twice a variance", KERNEL, ("RSLVQ",)),
    "loss": ("other losses", KERNEL, NEAREST),
    "margin": (
        "of other losses; a Euclidean margin proves a radius",
        KERNEL,
        ("GLVQ",),
        ("GMLVQ", "GTLVQ", "LGMLVQ"),
        ("CBCNet",),
    ),
    "solver": ("an epoch of LVQ is cheaper", KERNEL, LVQ),
    "learning_rate": (
        "of which parameters; partial_fit; 3e-3 in the paper of ST-ProtoPNet",
        KERNEL,
        LVQ,
        ("CBCNet",),
        ("ProtoPNet",),
        ("STProtoPNet",),
        WHOLE,
    ),
    "max_iter": ("LVQ needs fewer", KERNEL, LVQ),
    "batch_size": (
        "rows or images; R1 of Prob-PSENN is over the batch; 250 in one paper",
        SHALLOW,
        PART,
        ("ProbPSENN",),
        ("PrototypeAutoencoder",),
    ),
    "tol": ("an iteration, or an epoch on held-out rows", SHALLOW, DEEP),
    "n_iter_no_change": ("iterations, or epochs of a stage", SHALLOW, DEEP),
    "early_stopping": ("deep fits keep the best epoch of each stage", SHALLOW, DEEP),
    "random_state": (
        "what is drawn",
        SHALLOW,
        (*PART, "PrototypeAutoencoder"),
        ("ProbPSENN",),
    ),
    "image_shape": ("rows without it are signals, or plain rows", PART, WHOLE),
    "n_channels": (
        "channels of the latent map may be the prototypes; or of hidden layers",
        ("ProtoPNet", "STProtoPNet"),
        ("CBCNet",),
        WHOLE,
    ),
    "similarity": ("prototypes may be channels", ("CBCNet",), ("ProtoPNet",)),
    "lipschitz": ("described once, in ProtoPNet", ("CBCNet",), ("ProtoPNet",)),
    "cluster_weight": (
        "prototypes may be channels",
        ("CBCNet",),
        ("ProtoPNet", "STProtoPNet"),
    ),
    "alignment_weight": (
        "of views of a row, or of two maps of it",
        ("CBCNet",),
        ("ProtoPNet",),
    ),
    "orthogonality_weight": ("of a set", ("ProtoPNet",), ("STProtoPNet",)),
    "l1_weight": ("of one head, or of two", ("ProtoPNet",), ("STProtoPNet",)),
    "warmup_epochs": (
        "what is learned first",
        ("ProtoPNet", "STProtoPNet"),
        ("CBCNet",),
        WHOLE,
    ),
    "max_epochs": (
        "whether the head is among what is trained, and how long",
        ("ProtoPNet", "STProtoPNet"),
        ("CBCNet",),
        WHOLE,
    ),
    "decay_period": ("whole images are trained longer", PART, WHOLE),
    "weight_decay": ("of a backbone, or of encoder and decoder", PART, WHOLE),
    "augmentation": ("rows may be no images", PART, WHOLE),
    "relevance": ("of one metric, or of the model", KERNEL, ("GMLVQ",)),
    "n_components": (
        "of one omega, or of several; transform may be similarities",
        KERNEL,
        ("GMLVQ",),
        ("LGMLVQ",),
    ),
    "prototypes_": (
        "a row, a patch, a code, a mean",
        SHALLOW,
        *((name,) for name in DEEP),
    ),
    "prototype_labels_": (
        "given by weights where prototypes have no class of their own",
        KERNEL,
        (*LVQ, "ProbPSENN", "ProtoPNet", "STProtoPNet"),
        ("CBCNet",),
        ("PrototypeAutoencoder",),
    ),
    "prototype_indices_": (
        "rows only if asked for; a patch is always one",
        SHALLOW,
        ("ProtoPNet", "STProtoPNet"),
        ("CBCNet",),
    ),
    "prototype_images_": ("a training image, or a decoded one", PART, WHOLE),
    "sigma_": ("of a kernel, or of a code", (*KERNEL, "RSLVQ"), ("ProbPSENN",)),
    "tangents_": ("of one metric, or of the model", KERNEL, ("GTLVQ",)),
    "reasoning_": ("over rows, or over parts", ("CBC",), ("CBCNet",)),
    "coef_": (
        "of a kernel, a similarity, a distance",
        ("RBF",),
        ("ProtoPNet", "STProtoPNet"),
        ("CBCNet",),
        ("PrototypeAutoencoder",),
    ),
    "temperature_": (
        "fitted, or 1",
        KERNEL,
        NEAREST,
        PART,
        ("PrototypeAutoencoder",),
    ),
    "loss_curve_": ("iterations, or epochs of one or two losses", SHALLOW, PART, WHOLE),
    "n_iter_": ("iterations, or epochs", SHALLOW, DEEP),
    "history_": ("parts are projected, and heads trained", PART, WHOLE),
    "image_shape_": ("rows may be no images", PART, WHOLE),
    "omega_": ("one, if any, or several", KERNEL, ("GMLVQ",), ("LGMLVQ",)),
    "relevance_matrix_": ("one, if any, or several", KERNEL, ("GMLVQ",), ("LGMLVQ",)),
    "relevance_": ("one, if any, or several", KERNEL, ("GMLVQ",), ("LGMLVQ",)),
    "decoded_prototypes_": ("points, or means", *((name,) for name in WHOLE)),
}

every_class = pytest.mark.parametrize("Estimator", CLASSES.values(), ids=CLASSES)


def described(Estimator):
    """Entries of the docstring by name: type and description."""
    doc = ClassDoc(Estimator)
    return {
        entry.name: (
            " ".join(entry.type.split()),
            " ".join(" ".join(entry.desc).split()),
        )
        for section in ("Parameters", "Attributes")
        for entry in doc[section]
    }


ENTRIES = {name: described(Estimator) for name, Estimator in CLASSES.items()}
SHARED = sorted(
    {
        entry
        for one, other in combinations(ENTRIES.values(), 2)
        for entry in one.keys() & other
    }
)


def holders(entry):
    return [name for name in CLASSES if entry in ENTRIES[name]]


@every_class
def test_parameters_are_documented_in_the_order_of_the_signature(Estimator):
    documented = [entry.name for entry in ClassDoc(Estimator)["Parameters"]]
    assert documented == list(inspect.signature(Estimator).parameters)


@every_class
def test_documented_defaults_are_those_of_the_signature(Estimator):
    for name, parameter in inspect.signature(Estimator).parameters.items():
        written = described(Estimator)[name][0]
        found = re.search(r", (?:default=(.+)|optional)$", written)
        assert found, f"{name}: {written}"
        default = ast.literal_eval(found[1]) if found[1] else None
        assert default == parameter.default, name


def test_shared_parameters_have_one_order():
    orders = [list(inspect.signature(c).parameters) for c in CLASSES.values()]
    for one, other in combinations(orders, 2):
        common = set(one) & set(other)
        assert [p for p in one if p in common] == [p for p in other if p in common]


@pytest.mark.parametrize("entry", SHARED)
def test_shared_entries_are_worded_alike(entry):
    _, *groups = MEANT.get(entry, ("", holders(entry)))
    assert sorted(name for group in groups for name in group) == sorted(holders(entry))
    for group in groups:
        known = [CLASSES[name] for name in group]
        kind = "attrs" if entry.endswith("_") else "params"
        assert_docstring_consistency(known, **{f"include_{kind}": [entry]})


@pytest.mark.parametrize("entry", MEANT)
def test_what_is_meant_to_differ_does(entry):
    """An exception that nothing needs any more hides the next mistake."""
    _, *groups = MEANT[entry]
    wordings = {ENTRIES[group[0]][entry] for group in groups}
    assert len(wordings) == len(groups) > 1
