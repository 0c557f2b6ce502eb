"""What a part is, and how the parts of `CBCNetClassifier` are learned."""

from abc import ABC, abstractmethod
from dataclasses import replace

import torch
from torch import nn

from sklearn_proto._losses import PartObjective, cluster, tanh_loss, view_alignment
from sklearn_proto._modules import SIMILARITIES, ChannelPrototypes
from sklearn_proto.deep._part_classifier import PartPrototypeClassifier
from sklearn_proto.deep._part_networks import add_on_layers, random_prototypes

# Weight of the tanh term while nothing is classified (Nauta et al. 2023, section 4).
_PRETRAINING_TANH = 5.0


class Detection(ABC):
    """Add-on layers, prototypes, and the steps of a fit that make parts of them.

    Parameters
    ----------
    model : CBCNetClassifier
        Holds the parameters.
    """

    # What the joint stage trains besides the backbone.
    groups: tuple[str, ...]
    # How often it shows a row in a batch, each time changed by itself.
    views: int

    def __init__(self, model):
        self.model = model

    @abstractmethod
    def layers(self, n_features, owners):
        """Add-on layers on so many channels, and prototypes of these classes."""

    @abstractmethod
    def terms(self):
        """Terms of the joint loss besides that of the scores."""

    @abstractmethod
    def begin(self, fit):
        """Train what the joint stage starts from."""

    @abstractmethod
    def finalize_prototypes(self, fit):
        """Tie the prototypes to training patches, and fit the head to them."""


class PatchDetection(Detection):
    """Prototypes are patches of training images: they start and end as in ProtoPNet."""

    groups = ("add_on", "prototypes", "heads")
    views = 1

    def layers(self, n_features, owners):
        """See `Detection.layers`."""
        model = self.model
        kind = SIMILARITIES[model._similarity]
        parts = random_prototypes(kind, owners, model.n_channels, model.patch_size)
        return model._make_add_on(n_features, parts), parts

    def terms(self):
        """See `Detection.terms`."""
        return {cluster: self.model.cluster_weight}

    def begin(self, fit):
        """See `Detection.begin`."""
        PartPrototypeClassifier._begin(self.model, fit)

    def finalize_prototypes(self, fit):
        """See `Detection.finalize_prototypes`."""
        PartPrototypeClassifier._project(self.model, fit)


class ChannelDetection(Detection):
    """Prototypes are channels of a softmax (Nauta et al. 2023)."""

    groups = ("add_on", "heads")

    @property
    def views(self):
        """See `Detection.views`; where nothing changes a row, one is all there is."""
        return 1 if self.model.augmentation is None else 2

    def layers(self, n_features, owners):
        """See `Detection.layers`."""
        model, n_channels = self.model, self.model._n_latent
        if model.patch_size != 1 or not isinstance(model.init, str):
            raise ValueError(
                f"patch_size={model.patch_size} and init={model.init!r} with "
                f"similarity={model._similarity!r} is not allowed; a prototype that is "
                "a channel needs patch_size=1, and has no start other than a name."
            )
        add_on = add_on_layers(n_features, n_channels, bounded=False)
        add_on.append(nn.Softmax2d())
        return add_on, ChannelPrototypes(torch.tensor(owners), n_channels)

    def terms(self):
        """See `Detection.terms`."""
        used = {tanh_loss: self.model.tanh_weight}
        if self.views == 1:
            return used
        return used | {view_alignment: self.model.alignment_weight}

    def begin(self, fit):
        """Pre-train without labels: two views show the same, and all channels occur."""
        used = PartObjective({tanh_loss: _PRETRAINING_TANH}, row_loss=None)
        alike = PartObjective({view_alignment: 1.0}, row_loss=None)
        stage = self.model._warm_up((used,), "add_on")
        fit.train(
            replace(
                stage,
                name="pre-training",
                views=self.views,
                rising=(alike,) if self.views == 2 else (),
            )
        )

    def finalize_prototypes(self, fit):
        """Fit the head; a channel then is of the class that it speaks for most."""
        fit.fit_heads(self.model._head_losses(), self.model.last_layer_iter)
        (branch,) = fit.network.branches
        with torch.no_grad():
            branch.parts.owners = branch.head.affine().coefficients[:, 0].argmax(0)
        # It does not move; the patch that shows most of it is looked for.
        fit.project()


# Similarities of patches are all detected in one way.
DETECTIONS = {"softmax": ChannelDetection}
