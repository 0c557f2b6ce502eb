"""How every part-prototype network is fitted, projected, pruned and explained."""

from abc import abstractmethod
from contextlib import nullcontext
from copy import deepcopy
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_proto._base import all_or_nothing
from sklearn_proto._compat import Interval, StrOptions
from sklearn_proto._devices import exact_device
from sklearn_proto._losses import PartObjective
from sklearn_proto._modules import (
    PartNetwork,
    Standardise,
    feature_maps,
    receptive_field,
    small_backbone,
    to_numpy,
)
from sklearn_proto._random import standing_in
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._training import fit_temperature
from sklearn_proto._training._deep import (
    PartFit,
    Stage,
)
from sklearn_proto._validation import as_numbers, shown
from sklearn_proto._views import PartPrototypeView
from sklearn_proto.deep._deep_classifier import DeepClassifier
from sklearn_proto.deep._images import (
    flat_rows,
    in_order_of_pictures,
    pictures,
)
from sklearn_proto.deep._placement import init_discriminative, place_at
from sklearn_proto.explain import (
    PartExplanation,
    linear_contributions,
    part_boxes,
)

# Of a backbone that has been trained before (Chen et al. 2019).
_FINE_TUNING_RATE = 1e-4


class PartPrototypeClassifier(DeepClassifier):
    """Backbone, add-on layers, prototypes of patches, a head and a schedule.

    A subclass gives the branches of the network and the steps of its fit.
    """

    _parameter_constraints = {
        **DeepClassifier._parameter_constraints,
        "n_prototypes_per_class": [
            Interval(Integral, 1, None, closed="left"),
            "array-like",
        ],
        "init": [StrOptions({"kmeans", "random"}), "array-like"],
        "backbone": [StrOptions({"auto"}), nn.Module, callable],
        "train_backbone": ["boolean"],
        "n_channels": [Interval(Integral, 1, None, closed="left")],
        "patch_size": [Interval(Integral, 1, None, closed="left")],
        "warmup_epochs": [Interval(Integral, 0, None, closed="left")],
        "projection_period": [Interval(Integral, 1, None, closed="left")],
        "last_layer_iter": [Interval(Integral, 0, None, closed="left")],
        "pruning": ["boolean"],
        "pruning_neighbors": [Interval(Integral, 1, None, closed="left")],
        "pruning_threshold": [Interval(Integral, 0, None, closed="left")],
        "backbone_learning_rate": [
            StrOptions({"auto"}),
            Interval(Real, 0, 1e6, closed="right"),
        ],
        "box_percentile": [Interval(Real, 0, 100, closed="both")],
    }

    _fit_type = PartFit
    _decayed = ("backbone", "add_on")
    # Groups of parameters that the joint stage trains besides the backbone.
    _joint_groups: tuple[str, ...] = ("add_on", "prototypes")
    # How often a row is in each of its mini-batches.
    _views = 1

    def __init__(
        self,
        n_prototypes_per_class=5,
        *,
        image_shape=None,
        channels_first=False,
        init="kmeans",
        backbone="auto",
        train_backbone=True,
        n_channels=64,
        patch_size=1,
        warmup_epochs=5,
        max_epochs=30,
        projection_period=10,
        last_layer_iter=20,
        pruning=False,
        pruning_neighbors=6,
        pruning_threshold=3,
        learning_rate=1e-3,
        backbone_learning_rate="auto",
        learning_rate_decay=0.5,
        decay_period=5,
        weight_decay=1e-3,
        batch_size=64,
        augmentation=None,
        box_percentile=95,
        tol=1e-4,
        n_iter_no_change=5,
        early_stopping=False,
        validation_fraction=0.1,
        class_weight=None,
        random_state=None,
        device="auto",
        callbacks=None,
        checkpoint_dir=None,
        verbose=0,
    ):
        self.n_prototypes_per_class = n_prototypes_per_class
        self.image_shape = image_shape
        self.channels_first = channels_first
        self.init = init
        self.backbone = backbone
        self.train_backbone = train_backbone
        self.n_channels = n_channels
        self.patch_size = patch_size
        self.warmup_epochs = warmup_epochs
        self.max_epochs = max_epochs
        self.projection_period = projection_period
        self.last_layer_iter = last_layer_iter
        self.pruning = pruning
        self.pruning_neighbors = pruning_neighbors
        self.pruning_threshold = pruning_threshold
        self.learning_rate = learning_rate
        self.backbone_learning_rate = backbone_learning_rate
        self.learning_rate_decay = learning_rate_decay
        self.decay_period = decay_period
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.augmentation = augmentation
        self.box_percentile = box_percentile
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.random_state = random_state
        self.device = device
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.verbose = verbose

    @abstractmethod
    def _make_branches(self, n_features, owners, n_classes):
        """Branches for backbone maps of so many channels; prototypes are random.

        `owners` holds the class index of the prototypes of each branch.
        """

    def _warm_up(self, losses, top):
        """Train what is new on top of a backbone that is given and rests."""
        rates = dict.fromkeys(("add_on", top), self.learning_rate)
        if isinstance(self.backbone, str) and self.train_backbone:
            # It is as new as all else.
            rates["backbone"] = self._backbone_rate
        return Stage("warm-up", self.warmup_epochs, rates, losses)

    def _joint(self, losses):
        """Train the joint groups, in pieces of a projection period."""
        rates = dict.fromkeys(self._joint_groups, self.learning_rate)
        if self.train_backbone:
            rates["backbone"] = self._backbone_rate
        decay = (self.learning_rate_decay, self.decay_period)
        period = self.projection_period
        for done in range(0, max(self.max_epochs, 1), period):
            epochs = min(period, self.max_epochs - done)
            yield Stage("joint", epochs, rates, losses, decay, done, self._views)

    @property
    def _backbone_rate(self):
        if self.backbone_learning_rate != "auto":
            return self.backbone_learning_rate
        from_scratch = isinstance(self.backbone, str)
        return self.learning_rate if from_scratch else _FINE_TUNING_RATE

    @abstractmethod
    def _losses(self):
        """Losses that take turns over the mini-batches, one for each branch."""

    def _joint_losses(self):
        """Losses after the warm-up: here the same."""
        return self._losses()

    @abstractmethod
    def _head_losses(self):
        """Losses whose sum the heads alone minimise."""

    def _run(self, fit):
        """Carry out the steps of the schedule on a `PartFit`."""
        self._begin(fit)
        for stage in self._joint(self._joint_losses()):
            fit.train(stage)
            self._project(fit)
            if fit.interrupted:
                break
        if self.pruning:
            self._prune(fit)

    def _begin(self, fit):
        """Warm up, and place the prototypes; where they start decides the order."""
        given = not isinstance(self.init, str)
        if given:
            place_at(fit.network, self._given_prototypes())
        if given or self.init == "random":
            fit.train(self._warm_up(self._losses(), "prototypes"))
            return
        each = tuple(PartObjective({}, branch=b) for b in range(len(self._owners)))
        plain = fit.train_features(self._warm_up(each, "heads"), len(self.classes_))
        random_state = np.random.RandomState(fit.options.seed)
        init_discriminative(fit.network, plain, fit.data, random_state)

    def _project(self, fit):
        """Put the prototypes onto training patches, and the head on top of them."""
        fit.project()
        fit.fit_heads(self._head_losses(), self.last_layer_iter)

    def _set_prototypes(self, data):
        counts = self._counts_of_classes(data)
        self._owners = self._set_sizes(counts)

    def _set_sizes(self, counts):
        """Class index of the prototypes of each branch: here of one."""
        return [np.repeat(np.arange(len(counts)), counts)]

    def _given_prototypes(self):
        """Prototypes of each branch, from the array `init`."""
        shape = (sum(map(len, self._owners)), self.n_channels, *[self.patch_size] * 2)
        given = as_numbers("init", self.init)
        if given.shape != shape or not np.isfinite(given).all():
            raise ValueError(
                f"init has shape {given.shape}; it must be finite and of shape {shape}:"
                " prototypes in the order of the classes, latent channels, patch."
            )
        return np.split(given, np.cumsum([len(o) for o in self._owners])[:-1])

    def _network(self):
        backbone = self._make_backbone()
        layout = self._layout
        n_features, *size = _map_shape(backbone, layout)
        if min(size) < self.patch_size:
            raise ValueError(
                f"patch_size={self.patch_size} is more than the backbone's map of "
                f"{size[0]} x {size[1]} positions holds."
            )
        ones = torch.ones(layout.channels)
        return PartNetwork(
            layout,
            Standardise(torch.zeros_like(ones), ones),
            backbone,
            self._make_branches(n_features, self._owners, len(self.classes_)),
            frozen=not self.train_backbone,
        )

    def _make_backbone(self):
        if isinstance(self.backbone, str):
            return small_backbone(self._layout)
        given = isinstance(self.backbone, nn.Module)
        with nullcontext() if given else standing_in():
            found = self.backbone if given else self.backbone()
        if not isinstance(found, nn.Module):
            raise ValueError(
                f"backbone={shown(self.backbone)} returned a {type(found).__name__}; a "
                "callable must return a torch.nn.Module."
            )
        # A fit must not change a parameter, nor what a callable may have kept.
        return deepcopy(found).to(device="cpu", dtype=torch.float32)

    def _export(self, fit, network):
        parts = [branch.parts for branch in network.branches]
        self._owners = [to_numpy(p.owners).astype(np.intp) for p in parts]
        self.prototypes_ = np.concatenate([to_numpy(p.prototypes) for p in parts])
        self.prototype_labels_ = self.classes_[np.concatenate(self._owners)]
        with torch.no_grad():
            self.coef_ = to_numpy(network.affine().coefficients[:, 0])
        self.receptive_field_ = _receptive_field(network)
        self._export_sources(fit)
        scores = self._class_scores(fit.data.X)
        self.temperature_ = fit_temperature(scores, fit.data.y, fit.data.weight)

    def _export_sources(self, fit):
        """Keep the image and the box that each prototype was projected onto."""
        for name in ("prototype_indices_", "prototype_images_", "prototype_boxes_"):
            vars(self).pop(name, None)
        if fit.sources is None:
            return
        rows = np.concatenate([source.rows for source in fit.sources])
        self.prototype_indices_ = fit.data.index[rows]
        sources = fit.data.X[rows]
        sources = sources.astype(np.result_type(sources, np.float32), copy=False)
        self.prototype_images_ = pictures(sources, self._layout)
        own = np.arange(len(rows))
        boxes = np.empty((len(rows), 4), dtype=np.intp)
        view = self.certifiable_view()
        for chosen, x in view.batches(sources):
            maps = view.similarity_maps(x).cpu().numpy()
            here = np.arange(len(maps)), own[chosen]
            told = self._told_boxes(view, x)
            told = None if told is None else told[here]
            boxes[chosen] = self._boxes(maps[here], told)
        self.prototype_boxes_ = boxes

    @property
    def _image_size(self):
        return self._layout.height, self._layout.width

    def _told_boxes(self, view, x):
        """Boxes (n, K, 4) that similarities tell themselves, as of `own_boxes`."""
        found = view.own_boxes(x, self._image_size)
        return None if found is None else found.cpu().numpy()

    def _boxes(self, maps, told):
        """Boxes (..., 4) of the best parts: as told, else where maps are highest."""
        percentile = self._setting("box_percentile")
        found = part_boxes(maps, self._image_size, percentile)
        return found if told is None else np.where(told >= 0, told, found)

    @undisturbed
    def certifiable_view(self):
        """Return the fitted model as a network that predicts and certifies.

        Returns
        -------
        PartPrototypeView
            Network in float64, and how many rows it takes at a time.
        """
        network = self._restored()
        device = exact_device(self.device)
        return PartPrototypeView(network, device, self._rows_at_once)

    @undisturbed
    def project(self, X, y, sample_weight=None):
        """Put every prototype onto the closest patch of these rows, again.

        Parameters
        ----------
        X : array-like
            Rows or images, as for `fit`.
        y : array-like of shape (n_samples,)
            Their labels, among ``classes_``; every class must occur.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows; a row of weight 0 is not looked at.

        Returns
        -------
        self
            The estimator; ``prototype_indices_`` count the rows of this `X`.
        """
        with all_or_nothing(self):
            fit = self._resumed(X, y, sample_weight)
            self._project(fit)
            self._finish(fit)
        return self

    @undisturbed
    def prune(self, X, y, sample_weight=None):
        """Drop the prototypes whose nearest patches are of other classes.

        Of the patches nearest to a prototype, ``pruning_neighbors`` in number and from
        rows of all classes, at least ``pruning_threshold`` must be of its own class; a
        class keeps at least its best prototype. The head is then trained again.

        Parameters
        ----------
        X : array-like
            Rows or images, as for `fit`.
        y : array-like of shape (n_samples,)
            Their labels, among ``classes_``; every class must occur.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows; a row of weight 0 is not looked at.

        Returns
        -------
        self
            The estimator, with ``pruning_report_``.
        """
        with all_or_nothing(self):
            fit = self._resumed(X, y, sample_weight)
            self._project(fit)
            self._prune(fit)
            self._finish(fit)
        return self

    def _prune(self, fit):
        owners = np.concatenate(self._owners)
        own, kept = fit.prune(self.pruning_neighbors, self.pruning_threshold)
        self.pruning_report_ = {
            "prototype": np.arange(len(own)),
            "label": self.classes_[owners],
            "own_class_neighbors": own,
            "kept": kept,
        }
        fit.fit_heads(self._head_losses(), self.last_layer_iter)

    def _resumed(self, X, y, sample_weight):
        """Prepare a fit that goes on from the fitted network with other rows."""
        check_is_fitted(self)
        rows = flat_rows(X, self._layout)
        classes, known = self.classes_, self.n_features_in_
        found, data = self._validate_training_data(rows, y, sample_weight)
        if not np.array_equal(found, classes) or self.n_features_in_ != known:
            raise ValueError(
                f"y has the classes {found.tolist()} and X {self.n_features_in_} "
                f"features, but the model was fitted on {classes.tolist()} and {known}."
            )
        data = in_order_of_pictures(data, self._layout)
        # Nothing is trained on the device of training, which may be absent here.
        options = self._deep_options(0, exact_device(self.device))
        fit = PartFit(self._restored(), data, None, options, list(self.history_))
        # No training is there to be ended: the first interruption undoes the step.
        fit.interrupted = True
        return fit

    def _explanation(self, X):
        view = self.certifiable_view()
        maps = []
        similarities = np.empty((len(X), len(self.prototypes_)))
        scores = np.empty((len(X), len(self.classes_)))
        boxes = np.empty((*similarities.shape, 4), dtype=np.intp)
        for rows, x in self._batches(view, X):
            here = view.similarity_maps(x)
            best = here.flatten(2).amax(2)
            maps.append(here.cpu().numpy())
            similarities[rows] = best.cpu().numpy()
            scores[rows] = view.scores_of(best).cpu().numpy()
            boxes[rows] = self._boxes(maps[-1], self._told_boxes(view, x))
        parts = self._contributions(similarities)
        return PartExplanation(
            **self._shared_fields(X, scores, similarities, parts),
            similarity_maps=np.concatenate(maps),
            bounding_boxes=boxes,
            image_shape=self.image_shape_,
            channels_first=self._layout.channels_first,
            prototype_images=getattr(self, "prototype_images_", None),
            prototype_boxes=getattr(self, "prototype_boxes_", None),
            prototype_indices=getattr(self, "prototype_indices_", None),
            receptive_field=self.receptive_field_,
        )

    def _contributions(self, similarities):
        """Parts of the scores; linear heads have no bias."""
        return linear_contributions(
            similarities, self.coef_, np.zeros(len(self.classes_))
        )


def _map_shape(backbone, layout):
    """Shape (D, H, W) of the latent map of an image."""
    blank = torch.zeros(1, layout.channels, layout.height, layout.width)
    where = f"backbone, given images of shape {tuple(blank.shape)}"
    try:
        with torch.no_grad():
            _, deep = feature_maps(backbone.eval(), blank)
    except (IndexError, RuntimeError, TypeError) as error:
        raise ValueError(f"{where}, fails: {error}") from error
    if not isinstance(deep, torch.Tensor) or deep.ndim != 4 or len(deep) != 1:
        what = tuple(getattr(deep, "shape", ())) or type(deep).__name__
        raise ValueError(
            f"{where}, returns {what}; it must return a map of shape (1, D, H, W), or "
            "a list of maps."
        )
    return tuple(deep.shape[1:])


def _receptive_field(network):
    """Size, stride and offset of what latent patches see, if all branches agree."""
    if not all(branch.parts.on_grid for branch in network.branches):
        return None
    found = {receptive_field(network.backbone, b.add_on) for b in network.branches}
    field = found.pop() if len(found) == 1 else None
    return None if field is None else tuple(field)
