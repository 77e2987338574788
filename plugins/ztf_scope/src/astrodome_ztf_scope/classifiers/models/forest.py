"""Boosted trees as flat arrays, scored by compiled loops without branches.

A full tree of depth three is seven comparisons and seven choices, whichever leaf a source ends
in. To make all of them for many sources at once, in the wide registers of a processor, is faster
than to lead each source down its own way. So trees are filled up to full ones; of a deeper tree
the subtrees of its three lowest levels come first, and each level above chooses between two
values. Where a missing feature goes left, the comparison is with a copy of the features in which
it is minus infinity; NaN itself is never less than anything.

Scores are those of XGBoost: the same comparisons, sums in 32 bits in the order of the trees, and
the same sigmoid.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost as xgb
from numba import njit
from numpy.typing import NDArray

from .threads import chunks, share

Scores = NDArray[np.float32]

LOW = 3
"""Levels that one loop decides."""
DEEPEST = 8
"""Levels beyond which XGBoost's own way, which follows each source, is as fast."""
BLOCK = 256
"""Sources whose features lie in the nearest caches."""
CHUNK = 16 * BLOCK
"""Sources of one piece of work."""

compiled = njit(nogil=True, cache=True, error_model="numpy")


@dataclass(frozen=True)
class Forest:
    """Full trees, one after the other: ``depth`` (T,) of each, from :data:`LOW` on.

    ``feature`` and ``threshold`` are of the nodes of a tree level by level, ``leaf`` of its
    leaves, of which there is one more. A source goes left when its feature is less. ``feature``
    is a place in ``used``, which has the numbers of features, and those plus the number F of all
    where what is missing goes left. ``base`` is the margin of all sources before the first tree.
    """

    depth: NDArray[np.int32]
    used: NDArray[np.int32]
    feature: NDArray[np.uint32]
    threshold: Scores
    leaf: Scores
    base: np.float32

    def score(self, features: Scores, threads: int = 1) -> Scores:
        """Probabilities (N,) of features (N, F), NaN where one is missing."""
        given = np.ascontiguousarray(features, np.float32)
        out = np.empty(len(given), np.float32)

        def part(rows: slice) -> None:
            _score(
                given[rows],
                self.used,
                self.depth,
                self.feature,
                self.threshold,
                self.leaf,
                self.base,
                out[rows],
            )

        share(part, list(chunks(len(given), CHUNK)), threads)
        return out


def flatten(
    booster: xgb.Booster, columns: Sequence[int] | NDArray[np.intp] | None = None
) -> Forest | None:
    """The trees of a booster of probabilities, or None when they are of a kind that has no
    place here: weighted, deeper than :data:`DEEPEST`, or splitting by categories.

    ``columns`` says where the booster's features are among those that will be given.
    """
    learner = json.loads(booster.save_raw("json"))["learner"]
    about = learner["learner_model_param"]
    boosted = learner["gradient_booster"]
    if boosted["name"] != "gbtree":
        return None
    trees = boosted["model"]["trees"]
    if int(about.get("num_target", 1)) > 1 or any(tree.get("categories") for tree in trees):
        return None
    depths = [max(LOW, _depth(tree)) for tree in trees]
    if max(depths, default=0) > DEEPEST:
        return None
    width = int(about["num_feature"])
    places = list(range(width)) if columns is None else list(columns)
    full = [_full(tree, depth, places) for tree, depth in zip(trees, depths, strict=True)]
    feature = np.concatenate([np.zeros(0, np.int32), *(each[0] for each in full)])
    used, place = np.unique(feature, return_inverse=True)
    return Forest(
        np.array(depths, np.int32),
        used,
        place.astype(np.uint32),
        np.concatenate([np.zeros(0, np.float32), *(each[1] for each in full)]),
        np.concatenate([np.zeros(0, np.float32), *(each[2] for each in full)]),
        _margin(booster),
    )


def _depth(tree: Mapping[str, Any]) -> int:
    """Splits above the deepest leaf; children come after their parent."""
    depth = [0] * len(tree["left_children"])
    children = zip(tree["left_children"], tree["right_children"], strict=True)
    for node, (left, right) in enumerate(children):
        if left >= 0:
            depth[left] = depth[right] = depth[node] + 1
    return max(depth)


def _full(
    tree: Mapping[str, Any], depth: int, places: Sequence[int]
) -> tuple[NDArray[np.int32], Scores, Scores]:
    """Features, thresholds and leaves of a tree in which every leaf is at this depth."""
    left, right = tree["left_children"], tree["right_children"]
    value, missing_left = tree["split_conditions"], tree["default_left"]
    feature = np.zeros(2**depth - 1, np.int32)
    threshold = np.zeros(2**depth - 1, np.float32)
    level = [0]
    for _ in range(depth):
        below = []
        for place, node in enumerate(level, len(level) - 1):
            if left[node] < 0:  # both ways lead to the leaf
                below += [node, node]
                continue
            number = places[tree["split_indices"][node]]
            feature[place] = number + len(places) * bool(missing_left[node])
            threshold[place] = value[node]
            below += [left[node], right[node]]
        level = below
    return feature, threshold, np.array([value[node] for node in level], np.float32)


def _margin(booster: xgb.Booster) -> np.float32:
    about = json.loads(booster.save_config())["learner"]["learner_model_param"]
    base = np.float32(str(about["base_score"]).strip("[]"))
    return np.float32(-math.log(np.float32(1) / base - np.float32(1)))


# Rows of the arrays of two dimensions are counted without sign: only then, when there is no row
# from the end to think of, do loops become those of wide registers.


@compiled
def _lowest(columns, source, threshold, leaf, node, first, values, row):  # type: ignore[no-untyped-def]
    """Add to a row of ``values`` the leaves, from ``first`` on, of the subtree of a node."""
    a, b, d = node
    j0, j1, j2 = source[a], source[b], source[b + 1]
    j3, j4, j5, j6 = source[d], source[d + 1], source[d + 2], source[d + 3]
    t0, t1, t2 = threshold[a], threshold[b], threshold[b + 1]
    t3, t4, t5, t6 = threshold[d], threshold[d + 1], threshold[d + 2], threshold[d + 3]
    l0, l1, l2, l3 = leaf[first], leaf[first + 1], leaf[first + 2], leaf[first + 3]
    l4, l5, l6, l7 = leaf[first + 4], leaf[first + 5], leaf[first + 6], leaf[first + 7]
    for i in range(BLOCK):
        p = l0 if columns[j3, i] < t3 else l1
        q = l2 if columns[j4, i] < t4 else l3
        r = l4 if columns[j5, i] < t5 else l5
        s = l6 if columns[j6, i] < t6 else l7
        p = p if columns[j1, i] < t1 else q
        r = r if columns[j2, i] < t2 else s
        values[row, i] += p if columns[j0, i] < t0 else r


@compiled
def _deep(columns, depth, source, threshold, leaf, at, first, values):  # type: ignore[no-untyped-def]
    """Add to the first row of ``values`` what a tree says whose nodes are from ``at`` on."""
    count = 1 << (depth - LOW)
    for k in range(count):
        to = np.uint32(count + k)
        for i in range(BLOCK):
            values[to, i] = np.float32(0)
        root = count - 1 + k
        node = at + root, at + 2 * root + 1, at + 4 * root + 3
        _lowest(columns, source, threshold, leaf, node, first + 8 * k, values, to)
    for k in range(count - 1, 0, -1):
        j, t = source[at + k - 1], threshold[at + k - 1]
        left, right, to = np.uint32(2 * k), np.uint32(2 * k + 1), np.uint32(k)
        for i in range(BLOCK):
            x, y = values[left, i], values[right, i]
            values[to, i] = x if columns[j, i] < t else y
    for i in range(BLOCK):
        values[0, i] += values[1, i]


@compiled
def _turn(rows, used, columns):  # type: ignore[no-untyped-def]
    """The features that are used, as columns; minus infinity where missing is to be less."""
    width = rows.shape[1]
    for k in range(len(used)):
        j = used[k]
        if j < width:
            for i in range(len(rows)):
                columns[k, i] = rows[i, j]
        else:
            j -= width
            for i in range(len(rows)):
                value = rows[i, j]
                columns[k, i] = value if value == value else np.float32(-np.inf)


@compiled
def _score(rows, used, depth, source, threshold, leaf, base, out):  # type: ignore[no-untyped-def]
    columns = np.zeros((len(used), BLOCK), np.float32)
    # The sums of the trees, and below them what subtrees of a deeper one say: those of k at 2 k.
    values = np.empty((2 << (DEEPEST - LOW), BLOCK), np.float32)
    one, least, most = np.float32(1), np.float32(1e-16), np.float32(88.7)
    for start in range(0, len(rows), BLOCK):
        end = min(start + BLOCK, len(rows))
        _turn(rows[start:end], used, columns)
        values[0] = base
        at = 0
        for t in range(len(depth)):
            if depth[t] == LOW:
                node = at, at + 1, at + 3
                _lowest(columns, source, threshold, leaf, node, at + t, values, np.uint32(0))
            else:
                _deep(columns, depth[t], source, threshold, leaf, at, at + t, values)
            at += (1 << depth[t]) - 1
        for i in range(start, end):
            # Past 88.7 the exponential is no number of 32 bits.
            out[i] = one / (math.exp(min(-values[0, i - start], most)) + one + least)
