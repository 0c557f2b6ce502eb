"""Attacks of the tests: they only use predict, decision_function and arrays."""

import numpy as np


def scores_of(model, X):
    """Scores (n, C), also for two classes."""
    s = model.decision_function(X)
    return s if s.ndim == 2 else np.column_stack([np.zeros(len(s)), s])


def norm_of(delta, norm):
    return np.linalg.norm(delta, ord=norm, axis=-1)


def steepest(gradient, norm):
    """Unit lp vectors along which a linear function falls fastest."""
    g = -gradient
    if norm == np.inf:
        return np.sign(g)
    if norm == 1:
        best = np.abs(g).argmax(axis=1)
        out = np.zeros_like(g)
        rows = np.arange(len(g))
        out[rows, best] = np.sign(g[rows, best])
        return out
    return g / np.maximum(np.linalg.norm(g, axis=1, keepdims=True), 1e-300)


def into_ball(delta, norm, radius):
    """Scale back (exact projection for l2, a feasible point for the others)."""
    if norm == np.inf:
        return np.clip(delta, -radius[:, None], radius[:, None])
    size = norm_of(delta, norm)
    return delta * np.minimum(1.0, radius / np.maximum(size, 1e-300))[:, None]


def lead(model, X, winners):
    """Score of the class that wins at the start over its best rival."""
    s = scores_of(model, X)
    rows = np.arange(len(X))
    own = s[rows, winners].copy()
    s[rows, winners] = -np.inf
    return own - s.max(axis=1)


def gradient_of_lead(model, X, winners, step=1e-5):
    """Central differences, of all features in one call of the model."""
    n, d = X.shape
    moves = step * np.vstack([np.eye(d), -np.eye(d)])
    moved = (X + moves[:, None]).reshape(-1, d)
    up, down = lead(model, moved, np.tile(winners, 2 * d)).reshape(2, d, n)
    return (up - down).T / (2 * step)


def gradient_attack(model, X, radius, norm, steps=12):
    """Projected steepest descent of the lead; perturbed rows within the radius."""
    winners = scores_of(model, X).argmax(axis=1)
    delta = np.zeros_like(X)
    for i in range(steps):
        gradient = gradient_of_lead(model, X + delta, winners)
        size = radius * (1.0 if i == 0 else 0.3)
        delta = into_ball(
            delta + size[:, None] * steepest(gradient, norm), norm, radius
        )
        yield X + delta


def prototype_attack(model, X, radius, norm):
    """Along the differences of prototypes, and straight to and from each of them.

    Far from every prototype the scores are flat, and the lead falls by leaving all of
    them: a gradient then misses the boundary that these directions cross.
    """
    w = model.prototypes_
    for i in range(len(w)):
        for sign in (-1, 1):
            yield X + radius[:, None] * steepest(sign * (w[i] - X), norm)
        for j in range(len(w)):
            if i != j:
                along = np.broadcast_to(w[i] - w[j], X.shape)
                yield X + radius[:, None] * steepest(along, norm)


def random_attack(X, radius, norm, rng, trials=40):
    """Points on the sphere: smooth, sparse and corner directions."""
    for i in range(trials):
        delta = rng.normal(size=X.shape)
        if i % 3 == 1:
            delta = np.sign(delta)
        elif i % 3 == 2:
            delta *= rng.uniform(size=X.shape) < 0.3
            delta[:, rng.integers(X.shape[1])] += 1e-3
        yield X + delta * (radius / norm_of(delta, norm))[:, None]


def towards(model, X, targets, norm, halvings=40):
    """Distance to a change of the prediction along segments to the targets.

    Per row the smallest over all targets of another predicted class: an upper bound on
    the true radius, attained at a point where the prediction did change.
    """
    label = model.predict(X)
    rows, others = np.nonzero(label[:, None] != model.predict(targets))
    step = targets[others] - X[rows]
    size, best = norm_of(step, norm), np.full(len(X), np.inf)
    np.minimum.at(best, rows, size)
    lo, hi = np.zeros(len(rows)), np.ones(len(rows))
    for _ in range(halvings if len(rows) else 0):
        # Only these segments can still change nearer by than another one did.
        open_ = np.flatnonzero(lo * size <= best[rows])
        mid = (lo[open_] + hi[open_]) / 2
        perturbed = X[rows[open_]] + mid[:, None] * step[open_]
        changed = model.predict(perturbed) != label[rows[open_]]
        lo[open_] = np.where(changed, lo[open_], mid)
        hi[open_] = np.where(changed, mid, hi[open_])
        np.minimum.at(best, rows, hi * size)
    return best


def assert_no_flip(model, X, radius, norm, rng):
    """No attack strictly inside the certified radius changes predict."""
    label = model.predict(X)
    active = (radius > 0) & np.isfinite(radius)
    rows, r, own = X[active], radius[active] * (1 - 1e-9), label[active]
    if not len(rows):
        return
    for attack in (
        gradient_attack(model, rows, r, norm),
        prototype_attack(model, rows, r, norm),
        random_attack(rows, r, norm, rng),
    ):
        perturbed = np.stack(list(attack))
        assert (norm_of(perturbed - rows, norm) <= r * (1 + 1e-9)).all()
        assert_all_keep(model, perturbed, own)


def assert_all_keep(model, perturbed, label):
    """No perturbation (m, n, d) of n rows has another label (n,)."""
    found = model.predict(perturbed.reshape(-1, perturbed.shape[-1]))
    expected = np.broadcast_to(label, perturbed.shape[:2])
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)
