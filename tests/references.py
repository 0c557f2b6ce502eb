"""Naive float64 twins of the mathematics, by explicit loops, with their sources.

Equations are those of the user guide; [AAAI25] is Saralajew, Rana, Villmann and Shaker,
"A Robust Prototype-Based Network with Interpretable RBF Classifier Foundations", and
[NIPS19] is Saralajew et al., "Classification-by-Components".
"""

import math

import numpy as np
import scipy.special
from scipy.optimize import brentq


def distance(x, w, tangent=None):
    """norm2((I - T T^T)(x - w)): Saralajew & Villmann 2016; without T, norm2(x - w)."""
    gap = np.asarray(x, np.float64) - np.asarray(w, np.float64)
    if tangent is not None:
        gap = gap - tangent @ (tangent.T @ gap)
    return math.sqrt(math.fsum(float(g) ** 2 for g in gap))


def distances(X, W, tangents=None):
    out = np.empty((len(X), len(W)))
    for i, x in enumerate(X):
        for k, w in enumerate(W):
            out[i, k] = distance(x, w, None if tangents is None else tangents[k])
    return out


def similarities(X, W, sigma, metric, tangents=None, *, normalized=False):
    """phi_k = exp(-D_k / sigma_k), D the square of the distance for "sqeuclidean"."""
    d = distances(X, W, tangents)
    if metric == "sqeuclidean":
        d = d**2
    if normalized:
        return scipy.special.softmax(-d / sigma, axis=1)
    return np.exp(-d / sigma)


def rbf_scores(phi, V, b):
    """s_c = sum_k V[c, k] phi_k + b_c (Broomhead & Lowe 1988)."""
    out = np.empty((len(phi), len(V)))
    for i in range(len(phi)):
        for c in range(len(V)):
            out[i, c] = b[c] + sum(V[c, k] * phi[i, k] for k in range(phi.shape[1]))
    return out


def signed_agreement(phi, presence, absence):
    """p = sum_k phi_k R+_k + (1 - phi_k) R-_k: [AAAI25], section 3."""
    return sum(
        p * plus + (1 - p) * minus
        for p, plus, minus in zip(phi, presence, absence, strict=True)
    )


def indefinite_agreement(phi, requiredness, prior):
    """The agreement over the definite components: [NIPS19], section 2.

    sum_k pi_k (phi_k r+_k + (1 - phi_k) r-_k) / sum_k pi_k (1 - r0_k).
    """
    up = down = 0.0
    for p, (plus, indefinite, minus), pi in zip(phi, requiredness, prior, strict=True):
        up += pi * (p * plus + (1 - p) * minus)
        down += pi * (1 - indefinite)
    return up / down


def class_scores(concept_agreements):
    """Best concept of each class: one list of agreements per class."""
    return [max(agreements) for agreements in concept_agreements]


def gap_at(reach, r, sigma, metric, weights, offset):
    """Lower bound on the gap in a ball of Euclidean radius `reach`.

    Every distance stays within `reach`; helpful similarities are far, harmful near.
    """
    total = offset
    for distance_k, sigma_k, g in zip(r, sigma, weights, strict=True):
        far, near = distance_k + reach, max(0.0, distance_k - reach)
        end = far if g > 0 else near
        if metric == "sqeuclidean":
            end = end**2
        total += g * math.exp(-end / sigma_k)
    return total


def interval_radius(r, sigma, metric, weights, offset):
    """Root of `gap_at`; 0 where the gap is closed, infinite where it never closes."""
    if gap_at(0.0, r, sigma, metric, weights, offset) <= 0:
        return 0.0
    limit = offset + sum(g for g in weights if g < 0)
    if limit > 0:
        return math.inf
    upper = 1.0
    while gap_at(upper, r, sigma, metric, weights, offset) > 0:
        upper *= 2
        if upper > 1e9:
            return math.inf
    return brentq(
        gap_at, 0.0, upper, args=(r, sigma, metric, weights, offset), xtol=1e-14
    )


def closed_form_radius(r, sigma, metric, weights, offset):
    """Theorem 1 of [AAAI25] with net weights, for one shared sigma.

    The gap is at least P e^-t - N e^t + B while every exponent moves by at most t, so
    z = e^t solves N z^2 - B z - P = 0. A distance moves by eps; its square by at most
    2 M eps + eps^2, with M the largest distance.
    """
    d = np.asarray(r) ** (2 if metric == "sqeuclidean" else 1)
    phi = np.exp(-d / sigma)
    P = sum(g * p for g, p in zip(weights, phi, strict=True) if g > 0)
    N = -sum(g * p for g, p in zip(weights, phi, strict=True) if g < 0)
    if P - N + offset <= 0:
        return 0.0
    if N == 0:
        return math.inf
    t = math.log((offset + math.sqrt(offset**2 + 4 * P * N)) / (2 * N))
    if metric != "sqeuclidean":
        return sigma * t
    M = max(r)
    return -M + math.sqrt(M**2 + sigma * t)


def second_order_gap(eps, x, W, sigma, weights, offset):
    """Bound on log P - log N around the row, with explicit slopes and one width."""
    slopes = [2 * (w - x) / sigma for w in W] + [np.zeros_like(x)]
    terms = [
        g * math.exp(-(distance(x, w) ** 2) / sigma)
        for g, w in zip(weights, W, strict=True)
    ] + [offset]
    up = sum(t for t in terms if t > 0)
    down = -sum(t for t in terms if t < 0)
    v = sum(t / up * b for t, b in zip(terms, slopes, strict=True) if t > 0)
    u = sum(-t / down * b for t, b in zip(terms, slopes, strict=True) if t < 0)
    spread = 0.0
    for t, b in zip(terms, slopes, strict=True):
        if t < 0:
            s = eps * np.linalg.norm(b - u)
            growth = (math.exp(s) - 1 - s) if s > 1e-4 else s * s / 2
            spread += -t / down * growth
    kept = eps**2 / sigma if offset < 0 else 0.0
    return math.log(up / down) - eps * np.linalg.norm(v - u) - math.log1p(spread) - kept


def second_order_radius(x, W, sigma, weights, offset):
    """Root of `second_order_gap` for a row whose gap is open."""
    upper = 1.0
    while second_order_gap(upper, x, W, sigma, weights, offset) > 0:
        upper *= 2
    arguments = (x, W, sigma, weights, offset)
    return brentq(second_order_gap, 0.0, upper, args=arguments, xtol=1e-14)


def row_radius(bound, r, sigma, metric, affine, winner):
    """Over rival concepts the worst, over concepts of the winner the best."""
    coefficients, offsets = affine
    worst = math.inf
    for c in range(len(coefficients)):
        if c == winner:
            continue
        for a, b in zip(coefficients[c], offsets[c], strict=True):
            own = zip(coefficients[winner], offsets[winner], strict=True)
            best = max(bound(r, sigma, metric, A - a, B - b) for A, B in own)
            worst = min(worst, best)
    return worst


def norm_factor(norm, n_features):
    """Largest norm2 of a vector whose lp norm is one (Hölder)."""
    return {1: 1.0, 2: 1.0, np.inf: math.sqrt(n_features)}[norm]


def map_factor(norm, omega):
    """Bound on norm2 of ``omega x`` where the lp norm of x is one: the guide, Norms."""
    if norm == 1:
        return np.linalg.norm(omega, axis=0).max()
    spectral = np.linalg.norm(omega, 2)
    if norm == 2:
        return spectral
    through_rows = np.linalg.norm(np.abs(omega).sum(axis=1))
    return min(spectral * math.sqrt(omega.shape[1]), through_rows)


def manhattan(X, W):
    """D = sum_f |x_f - w_f|."""
    return np.array(
        [
            [math.fsum(abs(float(a) - float(b)) for a, b in zip(x, w, strict=True))]
            for x in X
            for w in W
        ]
    ).reshape(len(X), len(W))


def mapped_squares(X, W, omegas):
    """D = norm2(omega_k (x - w_k))^2: Schneider, Biehl & Hammer 2009."""
    out = np.empty((len(X), len(W)))
    for i, x in enumerate(X):
        for k, (w, omega) in enumerate(zip(W, omegas, strict=True)):
            out[i, k] = math.fsum(float(g) ** 2 for g in omega @ (x - w))
    return out


def of_classes(d, labels, classes):
    """D of the closest prototype of each class, infinite without one."""
    out = np.full((len(d), len(classes)), math.inf)
    for i, row in enumerate(d):
        for k, label in enumerate(labels):
            c = list(classes).index(label)
            out[i, c] = min(out[i, c], row[k])
    return out


def own_and_rival(d, labels, y):
    """d+ and d- of a row: closest prototype of its class, and of any other."""
    own = min(v for v, label in zip(d, labels, strict=True) if label == y)
    rival = min(v for v, label in zip(d, labels, strict=True) if label != y)
    return own, rival


def glvq_cost(own, rival, activation="identity", beta=1.0):
    """f(mu), mu = (d+ - d-) / (d+ + d-): Sato & Yamada 1995."""
    mu = 0.0 if own == rival else (own - rival) / (own + rival)
    return mu if activation == "identity" else 1 / (1 + math.exp(-beta * mu))


def triplet_cost(own, rival, margin):
    """max(0, margin + d+ - d-): Saralajew, Holdijk & Villmann 2020."""
    return max(0.0, margin + own - rival)


def class_posteriors(X, W, sigma, labels, classes):
    """P(c | x) of a mixture of equal weights: Seo & Obermayer 2003.

    Densities exp(-norm2(x - w_k)^2 / sigma_k), each over that of the likeliest
    component, so that they do not all underflow.
    """
    out = np.zeros((len(X), len(classes)))
    for i, exponents in enumerate(-(distances(X, W) ** 2) / sigma):
        top = max(exponents)
        for e, label in zip(exponents, labels, strict=True):
            out[i, list(classes).index(label)] += math.exp(e - top)
        out[i] /= math.fsum(out[i])
    return out


def smoothed_log_loss(scores, y, weight, temperature):
    """Cross-entropy of softmax(scores / temperature) with smoothed targets.

    Platt 1999 for C classes: the share C / (n + C) of every target goes to all classes
    alike, as if each had one more row; rows count as rows, whatever they weigh.
    """
    mass, n_classes = math.fsum(weight), scores.shape[1]
    doubt = n_classes / (len(y) + n_classes)
    total = []
    for row, label, w in zip(scores / temperature, y, weight, strict=True):
        log_p = row - row.max() - math.log(np.exp(row - row.max()).sum())
        total.append(-w * ((1 - doubt) * log_p[label] + doubt * log_p.mean()))
    return math.fsum(total) / mass
