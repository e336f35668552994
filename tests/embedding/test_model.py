"""Vectors against Hugging Face and sentence-transformers, and what they are trained for."""

import json
import logging
from typing import Any

import numpy
import pytest
import torch
import torch.distributed
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.models import load_archive
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.modules import Dense, Normalize
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score
from torch.nn.functional import cross_entropy, normalize

from bert_classification.bert.encoder import encode_field
from bert_classification.embedding.objectives import ranking_loss, similarity_loss
from bert_classification.embedding.retrieval_scores import retrieval_scores
from bert_classification.training import processes
from tests.embedding.support import (
    DATA,
    TEXTS,
    hugging_face,
    make_model,
    make_predictor,
    make_reader,
    save_modules,
    tensors,
)
from tests.support import BERT, allennlp

RANKING = {
    "dataset_reader.objective": "ranking",
    "train_data_path": str(DATA / "ranking.jsonl"),
    "validation_data_path": str(DATA / "ranking.jsonl"),
    "trainer.validation_metric": "+mrr@10",
    "trainer.num_epochs": 1,
}


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        self.set_up_model("training_config/embedding.jsonnet", str(DATA / "train.jsonl"))
        self.ensure_model_can_train_save_and_load(self.param_file, tolerance=1e-5)
        self.ensure_batch_predictions_are_consistent()


def vectors(texts: list[str] = TEXTS, **settings) -> torch.Tensor:
    reader = make_reader()
    instances = [reader.text_to_instance(text) for text in texts]
    return make_model(**settings)(**tensors(instances))["embedding"]


class TestVectors:
    def test_poolings_equal_hugging_face(self) -> None:
        output, mask = hugging_face(TEXTS)
        states = output.last_hidden_state
        expected = {
            "mean": (states * mask).sum(1) / mask.sum(1),
            "max": states.masked_fill(~mask, -torch.inf).amax(1),
            "cls": states[:, 0],
            "pooler": output.pooler_output,
        }
        for pooling, theirs in expected.items():
            assert torch.allclose(vectors(pooling=pooling), theirs, atol=1e-5), pooling

    @pytest.mark.parametrize("layers", [0, 1, -2, [1, 2], [0, -1]])
    @pytest.mark.parametrize("padded", [False, True])
    def test_layers_equal_hugging_face(self, layers, padded) -> None:
        output, mask = hugging_face(TEXTS)
        chosen = layers if isinstance(layers, list) else [layers]
        states = torch.stack([output.hidden_states[each] for each in chosen]).mean(0)
        ours = vectors(layers=layers, output_hidden_states=padded)
        assert torch.allclose(ours, (states * mask).sum(1) / mask.sum(1), atol=1e-5)

    def test_dimensions_are_cut_before_the_length_is_made_1(self) -> None:
        ours = vectors(dimensions=8, normalize=True)
        assert torch.allclose(ours, normalize(vectors()[:, :8], dim=-1), atol=1e-6)

    def test_windows_are_pooled(self) -> None:
        long = "the train was late and " * 80
        reader = make_reader(long_text="windows", doc_stride=50)
        instances = [reader.text_to_instance(long), reader.text_to_instance("Late.")]
        together = make_model()(**tensors(instances))["embedding"]
        windows = instances[0]["tokens"][0].field_list
        fields = [make_reader().text_to_instance("x") for _ in windows]
        for instance, window in zip(fields, windows):
            instance["tokens"].field_list = [window]
        each = make_model()(**tensors(fields))["embedding"]
        assert len(windows) > 2 and torch.allclose(together[0], each.mean(0), atol=1e-5)
        assert torch.allclose(together[1], vectors(["Late."])[0], atol=1e-5)
        highest = make_model(pooling="max")(**tensors(instances))["embedding"]
        of_each = make_model(pooling="max")(**tensors(fields))["embedding"]
        assert torch.allclose(highest[0], of_each.amax(0), atol=1e-5)

    @pytest.mark.parametrize(
        "settings, message",
        [
            ({"pooling": "best"}, "`pooling` is 'best'; expected one of mean, cls"),
            ({"layers": 3}, "`layers` has 3; this BERT has the layers 1 to 2"),
            ({"layers": -4}, "`layers` has -4"),
            ({"layers": []}, "`layers` has 0 numbers"),
            ({"layers": [1] * 4}, "`layers` has 4 numbers"),
            ({"layers": "top"}, "`layers` has t; this BERT"),
            ({"dimensions": 33}, "`dimensions` is 33; expected a whole number from 1 to 32"),
            ({"dimensions": 0}, "`dimensions` is 0"),
            ({"normalize": "yes"}, "`normalize` is 'yes'; expected true or false"),
            ({"temperature": 0}, "`temperature` is 0"),
            ({"pooling": "pooler", "layers": 1}, "`layers` is .1. with `pooling: pooler`"),
        ],
    )
    def test_settings_that_cannot_be(self, settings, message) -> None:
        with pytest.raises(ConfigurationError, match=message):
            make_model(**settings)


class TestSentenceTransformers:
    @pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
    @pytest.mark.parametrize("others", [[], [Normalize()]], ids=["plain", "normalized"])
    def test_a_checkpoint_gives_its_settings_and_its_vectors(
        self, tmp_path, pooling, others
    ) -> None:
        directory = save_modules(tmp_path / "saved", *others, pooling=pooling)
        theirs = SentenceTransformer(directory, device="cpu").encode(TEXTS)
        model = make_model(bert_model=directory)
        assert model.settings.pooling == pooling and model.settings.normalize == bool(others)
        ours = make_predictor(bert_model=directory).vectors_or_errors(
            [{"text": text} for text in TEXTS]
        )
        assert numpy.allclose(ours, theirs, atol=1e-5)

    def test_a_setting_that_contradicts_is_the_configs(self, tmp_path, caplog) -> None:
        directory = save_modules(tmp_path / "saved", pooling="cls")
        with caplog.at_level(logging.WARNING):
            model = make_model(bert_model=directory, pooling="mean")
        assert model.settings.pooling == "mean"
        assert f"`model.pooling` is mean; {directory} was trained with cls." in caplog.text

    def test_modules_that_are_not_computed(self, tmp_path, caplog) -> None:
        directory = save_modules(tmp_path / "saved", Dense(32, 8))
        with pytest.raises(ConfigurationError, match="has Dense beside its pooling"):
            make_model(bert_model=directory)
        assert make_model(bert_model=directory, pooling="mean").settings.pooling == "mean"
        with pytest.raises(ConfigurationError, match="`pooling` is 'lasttoken'"):
            make_model(bert_model=save_modules(tmp_path / "last", pooling="lasttoken"))

    @pytest.mark.parametrize("text", ["[", "{}", '[{"type": 1}]', "[7]"])
    def test_damaged_modules(self, tmp_path, text) -> None:
        directory = save_modules(tmp_path / "saved")
        (tmp_path / "saved" / "modules.json").write_text(text)
        if text == "{}":
            assert make_model(bert_model=directory).settings.pooling == "mean"
            return
        with pytest.raises(ConfigurationError, match="modules.json"):
            make_model(bert_model=directory)


class TestSimilarity:
    def test_loss_equals_sentence_transformers(self, tmp_path) -> None:
        theirs = SentenceTransformer(save_modules(tmp_path / "saved"), device="cpu").eval()
        reader = make_reader()
        pairs = [(TEXTS[0], TEXTS[1], 0.2), (TEXTS[1], TEXTS[2], 0.9)]
        instances = [reader.text_to_instance(one, two, label=label) for one, two, label in pairs]
        loss = make_model()(**tensors(instances))["loss"]
        features = [theirs.tokenize([pair[at] for pair in pairs]) for at in (0, 1)]
        expected = losses.CosineSimilarityLoss(theirs)(features, torch.tensor([0.2, 0.9]))
        assert loss.item() == pytest.approx(expected.item(), abs=1e-5)

    def test_correlations(self) -> None:
        model = make_model()
        instances = list(make_reader().read(DATA / "dev.jsonl"))
        output = model(**tensors(instances))
        labels = [each["label"].tensor.item() for each in instances]
        expected = numpy.corrcoef(output["similarity"].tolist(), labels)[0, 1]
        metrics = model.get_metrics(reset=True)
        assert metrics["pearson"] == pytest.approx(expected, abs=1e-5)
        assert -1 <= metrics["spearman"] <= 1 and set(metrics) == {"pearson", "spearman"}
        assert similarity_loss(torch.ones(2, 2, 3), torch.ones(2)).item() == pytest.approx(0)


class TestRanking:
    def test_loss_equals_sentence_transformers(self, tmp_path) -> None:
        theirs = SentenceTransformer(save_modules(tmp_path / "saved"), device="cpu").eval()
        instances = list(make_reader(objective="ranking").read(DATA / "ranking.jsonl"))
        batch = [each for each in instances if len(each["text_ids"].tensor) == 3]
        records = [json.loads(line) for line in (DATA / "ranking.jsonl").read_text().splitlines()]
        rows = [each for each in records if "negatives" in each]
        columns = [
            [row["text"] for row in rows],
            [row["text_pair"] for row in rows],
            [row["negatives"][0] for row in rows],
        ]
        features = [theirs.tokenize(column) for column in columns]
        loss = losses.MultipleNegativesRankingLoss(theirs, scale=20.0)
        ours = make_model()(**tensors(batch))["loss"]
        assert ours.item() == pytest.approx(loss(features, None).item(), abs=1e-5)

    def test_a_batch_of_unequal_numbers_of_negatives(self) -> None:
        instances = list(make_reader(objective="ranking").read(DATA / "ranking.jsonl"))
        together = make_model()(**tensors(instances))["loss"]
        alone = [texts_of(each) for each in instances]
        texts = torch.stack([each[0] for each in alone])
        candidates = torch.cat([torch.stack([each[1] for each in alone])] + [e[2:] for e in alone])
        ids = [each["text_ids"].tensor for each in instances]
        candidate_ids = torch.cat([torch.stack([e[1] for e in ids])] + [e[2:] for e in ids])
        own = torch.arange(len(texts))
        scores = normalize(texts, dim=-1) @ normalize(candidates, dim=-1).T / 0.05
        # A negative is the text that belongs to another one.
        same = candidate_ids[own, None] == candidate_ids
        same[own, own] = False
        expected = cross_entropy(scores.masked_fill(same, -torch.inf), own)
        assert together.item() == pytest.approx(expected.item(), abs=1e-4) and same.any()

    def test_a_text_is_no_negative_of_itself(self) -> None:
        pairs = torch.ones(3, 2, 8)
        same, other = torch.tensor([[1, 2]] * 3), torch.arange(1, 7).view(3, 2)
        assert ranking_loss(pairs, same, 0.05, True, gather=False).item() == 0
        assert ranking_loss(pairs, other, 0.05, True, gather=False).item() > 1

    def test_symmetric_is_the_mean_of_both_ways(self) -> None:
        pairs = torch.randn(4, 2, 8, generator=torch.Generator().manual_seed(1))
        ids = torch.arange(1, 9).view(4, 2)
        there, back, both = (
            ranking_loss(vectors, ids, 0.1, symmetric, gather=False).item()
            for vectors, symmetric in ((pairs, False), (pairs.flip(1), False), (pairs, True))
        )
        assert both == pytest.approx((there + back) / 2, abs=1e-6) and there != back

    def test_simcse_finds_a_text_by_another_dropout(self) -> None:
        reader = make_reader(objective="simcse")
        instances = [reader.text_to_instance(text, labelled=True) for text in TEXTS]
        model = make_model()
        still = model(**tensors(instances))["loss"].item()
        vector = vectors()
        ids = torch.tensor([[1, 1], [2, 2], [3, 3]])
        expected = ranking_loss(torch.stack([vector, vector], 1), ids, 0.05, False, gather=False)
        assert still == pytest.approx(expected.item(), abs=1e-5)
        loss = model.train()(**tensors(instances))["loss"]
        loss.backward()
        assert loss.item() != still and model.bert.encoder.layer[0].output.dense.weight.grad.any()

    def test_trains_and_finds_what_it_has_seen(self, tmp_path) -> None:
        overrides = {**RANKING, "trainer.num_epochs": 20, "trainer.optimizer.lr": 1e-3}
        overrides["trainer.patience"] = None
        config = "training_config/embedding.jsonnet"
        allennlp("train", config, "-s", tmp_path / "out", "-o", json.dumps(overrides))
        metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
        assert metrics["best_validation_mrr@10"] > 0.9
        assert {"best_validation_ndcg@10", "best_validation_recall@1"} <= set(metrics)


def texts_of(instance: Any) -> torch.Tensor:
    """Gives the vectors of all texts of an instance."""
    model, tokens = make_model(), tensors([instance])["tokens"]
    return model._pool(tokens, encode_field(model.bert, tokens, model.text_input))[0]


def test_retrieval_scores_equal_scikit_learns() -> None:
    generator = numpy.random.default_rng(3)
    pool = generator.normal(size=(40, 4)).astype(numpy.float32)
    asked = generator.normal(size=(300, 4)).astype(numpy.float32)
    pool, asked = (each / numpy.linalg.norm(each, axis=1)[:, None] for each in (pool, asked))
    own = generator.integers(0, 40, 300)
    scores = retrieval_scores(list(zip(asked, own)), list(enumerate(pool)) * 2)
    gold = numpy.eye(40)[own]
    cosines = asked @ pool.T
    assert scores["ndcg@10"] == pytest.approx(ndcg_score(gold, cosines, k=10), abs=1e-6)
    best = numpy.argsort(-cosines, axis=1)
    places = (best == own[:, None]).argmax(1)
    assert scores["recall@5"] == pytest.approx((places < 5).mean())
    near = places < 10
    mrr = label_ranking_average_precision_score(gold[near], cosines[near]) * near.mean()
    assert scores["mrr@10"] == pytest.approx(mrr)


def test_of_equal_cosines_the_wrong_text_comes_first() -> None:
    same = numpy.ones(2, numpy.float32)
    scores = retrieval_scores([(same, 1)], [(1, same), (2, same)])
    assert scores["recall@1"] == 0 and scores["mrr@10"] == 0.5


def drawn_pairs() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(6, 3, 8, generator=generator, requires_grad=True), torch.arange(1, 19).view(
        6, 3
    )


SHARES = (3, 4, 1)
"""How many of the six pairs the first of two processes has."""


def learn_in_a_process(rank: int, directory: str) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{directory}/meeting", rank=rank, world_size=2
    )
    processes.is_distributed = lambda: True
    learned = []
    for first in SHARES:
        pairs, ids = drawn_pairs()
        share = slice(0, first) if rank == 0 else slice(first, None)
        loss = ranking_loss(pairs[share], ids[share], 0.05, True, gather=True)
        loss.backward()
        learned.append((loss.detach(), pairs.grad))
    torch.save(learned, f"{directory}/{rank}")
    torch.distributed.destroy_process_group()


def test_two_processes_learn_what_one_does(tmp_path) -> None:
    arguments = (str(tmp_path),)
    torch.multiprocessing.start_processes(
        learn_in_a_process, arguments, nprocs=2, start_method="fork"
    )
    pairs, ids = drawn_pairs()
    loss = ranking_loss(pairs, ids, 0.05, True, gather=False)
    loss.backward()
    ones, others = (torch.load(tmp_path / rank) for rank in "01")
    for first, (one, gradient), (other, other_gradient) in zip(SHARES, ones, others):
        assert (first * one + (6 - first) * other).item() / 6 == pytest.approx(loss.item())
        if first == 3:
            # Processes that train together take the mean of their gradients.
            assert torch.allclose((gradient + other_gradient) / 2, pairs.grad, atol=1e-6)


def test_two_processes_train(tmp_path) -> None:
    overrides = {**RANKING, "distributed": {"cuda_devices": [-1, -1]}, "model.symmetric": True}
    allennlp(
        "train",
        "training_config/embedding.jsonnet",
        "-s",
        tmp_path / "out",
        "-o",
        json.dumps({**overrides, "data_loader.batch_size": 2}),
    )
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    output = tmp_path / "evaluated.json"
    data = str(DATA / "ranking.jsonl")
    allennlp("evaluate", tmp_path / "out" / "model.tar.gz", data, "--output-file", output)
    evaluated = json.loads(output.read_text())
    assert evaluated["mrr@10"] == pytest.approx(metrics["validation_mrr@10"])


@pytest.mark.parametrize(
    "settings", [{}, {"layers": 1}, {"layers": [0, -2]}, {"layers": 0}, {"pooling": "pooler"}]
)
def test_whatever_is_trained_has_a_gradient(settings) -> None:
    model = make_model(**settings)
    model(**tensors(list(make_reader().read(DATA / "dev.jsonl"))))["loss"].backward()
    for name, weight in model.named_parameters():
        assert weight.requires_grad == (weight.grad is not None), name


def test_pieces_cannot_be_trained() -> None:
    instances = list(make_reader().read(DATA / "dev.jsonl"))[:2]
    with pytest.raises(ConfigurationError, match="`model.pooling` is tokens"):
        make_model(pooling="tokens")(**tensors(instances))
    long = make_reader(long_text="windows").text_to_instance("Short.")
    with pytest.raises(ConfigurationError, match="`dataset_reader.long_text` is windows"):
        make_model(pooling="tokens")(**tensors([long]))


def test_an_archive_keeps_how_its_vectors_are_made(tmp_path) -> None:
    directory = save_modules(tmp_path / "saved", Normalize(), pooling="cls")
    overrides = {
        "dataset_reader.token_indexers.bert.pretrained_model": directory,
        "model.bert_model": directory,
        "model.dimensions": 16,
        "trainer.num_epochs": 1,
    }
    config = "training_config/embedding.jsonnet"
    allennlp("train", config, "-s", tmp_path / "out", "-o", json.dumps(overrides))
    archive = tmp_path / "out" / "model.tar.gz"
    settings = load_archive(archive).model.settings
    assert settings == ("cls", (-1,), True, 16)
    other = load_archive(archive, overrides={"model.pooling": "max"}).model.settings
    assert other == ("max", (-1,), True, 16)
    # As the BERT of another training.
    assert make_model(bert_model=str(archive)).settings == settings
    assert make_model(bert_model=BERT).settings == ("mean", (-1,), False, None)
