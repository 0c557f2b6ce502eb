"""The option `lipschitz` of estimators that compare patches by their distance."""

from sklearn_proto._modules import (
    SIMILARITIES,
    OrthogonalConv,
    falls_with_distance,
    lipschitz_backbone,
)
from sklearn_proto._validation import shown
from sklearn_proto.deep._part_networks import add_on_layers


class LipschitzOption:
    """Backbone and add-on layers that move a latent map no more than the image moves.

    For a `PartPrototypeClassifier` with the parameters `similarity` and `lipschitz`.
    """

    @property
    def _similarity(self):
        """Name of the similarity, whatever stands for it in the parameter."""
        return self.similarity

    def _make_backbone(self):
        if not self.lipschitz:
            return super()._make_backbone()
        automatic = isinstance(self.backbone, str)
        kind = SIMILARITIES.get(self._similarity)
        # The constant of a network bounds the change of distances only.
        if not automatic or kind is None or not falls_with_distance(kind):
            raise ValueError(
                f"lipschitz=True with backbone={shown(self.backbone)} and similarity="
                f"{self._similarity!r} is not allowed; only backbone='auto' with "
                "similarity='log' or 'exp' has a Lipschitz constant."
            )
        return lipschitz_backbone(self._layout)

    def _make_add_on(self, n_features, parts):
        if self.lipschitz:
            return OrthogonalConv(n_features, self.n_channels)
        return add_on_layers(n_features, self.n_channels, bounded=parts.bounded)
