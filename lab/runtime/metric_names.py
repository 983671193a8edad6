"""Names of numbers in a log, by the words that they are made of: which are metrics, and which never are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

#: Words of names that are metrics whatever stands around them.
_METRICS = frozenset(
    "loss acc accuracy auc auroc auprc roc_auc pr_auc f1 fbeta precision recall sensitivity specificity mse rmse "
    "mae mape smape msle rmsle r2 logloss entropy crossentropy perplexity ppl bleu rouge wer cer map map50 iou miou "
    "dice jaccard reward return kl nll elbo bpc bpd psnr ssim fid ndcg mrr gini silhouette inertia lr likelihood "
    "objective fitness score kappa mcc brier learning_rate ece top1 top5 deviance".split()
)  # fmt: skip
#: Words before such a one that belong to its name.
_QUALIFIERS = frozenset(
    "train training trn val valid validation eval evaluation test dev holdout cv avg average mean median best final "
    "total running epoch weighted macro micro balanced top squared absolute percentage root log cross binary "
    "categorical sparse learning grad gradient norm error rate score class box cls obj dfl mask explained variance "
    "max min std".split()
)  # fmt: skip
#: Words of names that are never metrics.
_NEVER = frozenset(
    "time times date timestamp datetime asctime created elapsed eta remaining took duration runtime second seconds "
    "secs sec ms minutes min/epoch hours port pid ppid tid process rank local_rank world_size gpu gpus cuda cudnn "
    "device devices driver version versions v_num python torch tensorflow keras numpy seed seeds random_state size "
    "sizes bytes byte memory mem ram disk storage workers num_workers threads thread cores cpu cpus n_jobs job "
    "level levelno lineno line lines col column columns row rows id ids index idx num number n_samples samples "
    "sample feature features classes params parameters parameter trainable shape dim dims dimension warning "
    "warnings exit code status returncode http https speed throughput fps ips length len file files path host "
    "localhost ip address error_code errno count year month day hour minute bins sampling frame bit patience "
    "verbose tokens images examples steps epochs iterations batches info debug".split()
)  # fmt: skip
#: Names that are what a run was given far more often than what came out of it: not taken where they stand alone.
_GIVEN = frozenset(
    "alpha beta gamma c l1_ratio l1 l2 dropout momentum weight_decay decay depth max_depth n_estimators estimators "
    "hidden units layers n_layers heads batch batch_size batchsize max_iter tol test_size train_size split ratio "
    "fraction temperature threshold width height k p q degree nu epsilon eps warmup subsample colsample eta0 lambda "
    "kernel lr learning_rate rate".split()
)  # fmt: skip
_LEVELS = frozenset(
    "trace debug info notice warn warning error critical fatal".split()
)  # fmt: skip
_APART = re.compile(r"[\s/.'’-]+")


def name_of(phrase: list[str], *, exact: bool) -> tuple[str, tuple[str, ...], bool]:
    """The name of a metric at the end of `phrase`, its words, and whether it says itself that it is one.

    Of words in a sentence only those count that belong to it: of `the final test loss` it is `final_test_loss`.
    """
    if exact:
        return phrase[-1], words_of(phrase[-1]), is_metric(words_of(phrase[-1]))
    phrase = [word.removesuffix("'s").removesuffix("’s").rstrip(".") for word in phrase]
    begin = len(phrase) - 1
    joins = _belongs if _belongs(phrase[-1]) else _is_plain
    while begin > 0 and joins(phrase[begin - 1]):
        begin -= 1
    name = "_".join(phrase[begin:])
    if name.isupper() and name.lower() in _LEVELS:
        return name, ("level",), False
    return name.lower(), words_of(name), is_metric(words_of(name))


def _belongs(word: str) -> bool:
    """Whether it is a word of which names of metrics are made."""
    words = words_of(word)
    return bool(words) and all(one in _QUALIFIERS or one in _METRICS or one.isdigit() for one in words)


def _is_plain(word: str) -> bool:
    return word.lower() not in _LEVELS


@lru_cache(4096)
def words_of(name: str) -> tuple[str, ...]:
    """`val_acc` is `val`, `acc`; what is known as a whole stays one word."""
    found: list[str] = []
    for part in _APART.split(name.lower()):
        whole = part in _METRICS or part in _NEVER or part in _GIVEN
        found += [part] if whole else part.split("_")
    return tuple(word for word in found if word)


def is_metric(words: Sequence[str]) -> bool:
    if any(word in _METRICS or word.split("@")[0] in _METRICS for word in words):
        return True
    return len(words) > 1 and (words[-1] == "error" or words[-2:] in (("error", "rate"), ("grad", "norm")))


def is_never(words: Sequence[str]) -> bool:
    return any(word in _NEVER for word in words)


def is_given(name: str) -> bool:
    return name.lower() in _GIVEN


def is_step(words: Sequence[str]) -> bool:
    return bool(words) and words[-1] in ("step", "iteration", "iter", "epoch", "batch", "round")


def fractional(text: str) -> bool:
    return not text.lstrip("+-").isdigit()
