"""Whether more of a metric is better: told by its name, in this one place."""

from __future__ import annotations

import re
from enum import StrEnum


class Direction(StrEnum):
    HIGHER = "higher"
    LOWER = "lower"
    UNKNOWN = "unknown"  # the name does not tell

    @property
    def opposite(self) -> Direction:
        return {Direction.HIGHER: Direction.LOWER, Direction.LOWER: Direction.HIGHER}.get(self, self)


_LOWER = frozenset(
    "loss logloss losses error errors err mae mse rmse mape smape rmsle msle nll bce perplexity ppl bpc bpb cer wer "
    "ter eer ece fid kid lpips brier deviance crossentropy entropy regret hamming misclassification mistakes latency "
    "seconds ms runtime pinball hinge chamfer hausdorff epe".split()
)
_HIGHER = frozenset(
    "accuracy acc auc auroc auprc rocauc prauc roc ap map f1 f2 fbeta fscore f1score r2 precision recall specificity "
    "sensitivity score bleu rouge chrf meteor iou miou dice jaccard mcc kappa reward rewards return returns psnr ssim "
    "ndcg mrr hits top1 top5 throughput silhouette likelihood loglik elbo winrate ari nmi pearson spearman".split()
)
#: Words after which a name is no measure of quality any more: `loss_scale`, `error_count_limit`.
_NO_MEASURE = frozenset("scale weight weights coef coefficient limit threshold lr".split())
_NEGATIVE = frozenset(("neg", "negative"))
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+")


def direction(metric: str) -> Direction:
    """By the last word of the name that tells: `val_loss` lower, `f1/macro` higher, `neg_log_loss` higher."""
    words = [word.lower() for word in _WORD.findall(metric[:200])]
    if words and words[-1] in _NO_MEASURE:
        return Direction.UNKNOWN
    for word in reversed(words):
        found = Direction.LOWER if word in _LOWER else Direction.HIGHER if word in _HIGHER else None
        if found is not None:
            return found.opposite if _NEGATIVE & set(words) else found
    return Direction.UNKNOWN
