"""Fit what the cache lacks, and collect what it has."""

import sys

import numpy as np

from keel.data import folds
from keel.measures import measure
from keel.models import OURS


def run(name, fold, arrays, variant, cache):
    """Fit a model on a fold, and keep what was measured."""
    try:
        record = measure(variant, arrays)
    except Exception as error:  # noqa: BLE001 - A long run shall go on.
        print(f"{name} {fold} {variant.label}: {error!r}", file=sys.stderr)
        return
    cache.put(name, variant.label, fold, record)
    print(
        f"{name:18} {fold} {variant.label:34} {record['accuracy']:.4f} "
        f"{record['log loss']:.4f} {record['fit seconds']:7.2f} s",
        flush=True,
    )


def missing(name, fold, variants, cache, *, fresh):
    """Variants that the cache lacks, by encoding; all of ours if they shall be new."""
    found = {}
    for variant in variants:
        stale = fresh and variant.name in OURS
        if stale or not cache.get(name, variant.label, fold):
            found.setdefault(variant.encoding, []).append(variant)
    return found


def fit_missing(names, n_folds, variants, cache, folder, *, fresh=False):
    """Fold by fold, so that a run that is stopped has one of all tables."""
    for fold in range(n_folds):
        for name in names:
            wanted = missing(name, fold, variants, cache, fresh=fresh)
            for encoding, models in wanted.items():
                arrays = list(folds(name, folder, encoding))[fold]
                for variant in models:
                    run(name, fold, arrays, variant, cache)


def collected(names, n_folds, labels, cache):
    """Records by table and label, where all folds are there."""
    found = {}
    for name in names:
        found[name] = {}
        for label in labels:
            runs = [cache.get(name, label, fold) for fold in range(n_folds)]
            if all(runs):
                found[name][label] = runs
    return found


def means(records):
    """Means over folds, by table, label and measure."""
    return {
        name: {
            label: {
                measure: round(float(np.mean([run[measure] for run in runs])), 5)
                for measure in runs[0]
            }
            for label, runs in found.items()
        }
        for name, found in records.items()
    }
