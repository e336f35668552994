"""How near written texts are to their targets, by the scorers that papers use."""

from importlib.util import find_spec

from allennlp.common.checks import ConfigurationError


def check_scorers() -> None:
    """Raises `ConfigurationError` where the scorers are not installed."""
    missing = [name for name in ("rouge_score", "sacrebleu") if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            "`model.validation_generation` is true, and what is written in validation is scored by "
            f"{' and '.join(missing)}: pip install 'bert-classification[seq2seq]'. With false "
            "there is the perplexity alone."
        )


def written_scores(written: list[str], targets: list[str]) -> dict[str, float]:
    """
    Computes `bleu` and `chrf` of the corpus by sacrebleu, from 0 to 100; the mean of `rouge_l`, the
    F1 of rouge-score with stemming, and `exact_match`, from 0 to 1.
    """
    check_scorers()
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu.metrics import BLEU, CHRF

    rouge = RougeScorer(["rougeL"], use_stemmer=True)
    rouge_l = [rouge.score(*pair)["rougeL"].fmeasure for pair in zip(targets, written)]
    equal = sum(one == other for one, other in zip(written, targets))
    return {
        "bleu": BLEU().corpus_score(written, [targets]).score,
        "chrf": CHRF().corpus_score(written, [targets]).score,
        "rouge_l": sum(rouge_l) / len(targets),
        "exact_match": equal / len(targets),
    }
