"""
Models of allennlp-models are trained, archived, opened as ours are, and predict; and what configs
of 2019 to 2021 say of them is honoured.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.common import Params
from allennlp.data import Vocabulary
from allennlp.models import Model
from allennlp.models.archival import Archive, load_archive
from transformers import AutoTokenizer, BartConfig, BartForConditionalGeneration

from tests.support import BERT, allennlp

TREES = "(S (NP (DT the) (NN soup)) (VP (VBD was) (ADJP (JJ cold))))\n" * 8
ROLES = """\
nw/test/00/test_0000 0 0 the DT (TOP(S(NP* - - - - * (ARG1* -
nw/test/00/test_0000 0 1 soup NN *) - - - - * *) -
nw/test/00/test_0000 0 2 was VBD (VP* be 01 - - * (V*) -
nw/test/00/test_0000 0 3 cold JJ (ADJP*)))) - - - - * (ARG2*) -

"""
ORIGINAL_OPTIMIZER = {
    "type": "huggingface_adamw",
    "lr": 1e-3,
    "correct_bias": False,
    "weight_decay": 0.01,
    "parameter_groups": [[["bias", "LayerNorm\\.weight"], {"weight_decay": 0.0}]],
}


def train(directory: Path, data: Path, **config: Any) -> Path:
    path = directory / "config.json"
    loader = {"data_loader": {"batch_size": 4}}
    # Its check refuses biases before normalizations, as BART has them.
    settings = {"num_epochs": 1, "run_confidence_checks": False, "optimizer": ORIGINAL_OPTIMIZER}
    trainer = {"trainer": settings}
    paths = {"train_data_path": str(data), "validation_data_path": str(data)}
    path.write_text(json.dumps({**paths, **loader, **trainer, **config}))
    allennlp("train", path, "-s", directory / "trained")
    return directory / "trained" / "model.tar.gz"


def predict(archive: Archive, data: Path) -> dict[str, Any]:
    instance, *_ = archive.dataset_reader.read(str(data))
    return archive.model.eval().forward_on_instance(instance)


def test_semantic_roles_on_bert(tmp_path) -> None:
    data = tmp_path / "ontonotes"
    data.mkdir()
    lines = "#begin document (nw/test/00/test_0000); part 000\n" + ROLES * 6 + "#end document\n"
    (data / "some.gold_conll").write_text(lines)
    archive = train(
        tmp_path,
        data,
        dataset_reader={"type": "srl", "bert_model_name": BERT},
        model={"type": "srl_bert", "bert_model": BERT, "ignore_span_metric": True},
    )
    tags = predict(load_archive(archive, overrides={"bert": BERT}), data)["tags"]
    assert len(tags) == 4


def test_a_constituency_parser(tmp_path) -> None:
    data = tmp_path / "trees.mrg"
    data.write_text(TREES)
    embedding = {"type": "embedding", "embedding_dim": 8}
    lstm = {"type": "lstm", "input_size": 8, "hidden_size": 8, "bidirectional": True}
    archive = train(
        tmp_path,
        data,
        dataset_reader={"type": "ptb_trees", "use_pos_tags": False},
        model={
            "type": "constituency_parser",
            "text_field_embedder": {"token_embedders": {"tokens": embedding}},
            "encoder": lstm,
            "span_extractor": {"type": "bidirectional_endpoint", "input_dim": 16},
            "evalb_directory_path": None,
        },
    )
    assert predict(load_archive(archive), data)["trees"].label()


@pytest.fixture
def bart(tmp_path) -> str:
    directory = str(tmp_path / "bart")
    tokenizer = AutoTokenizer.from_pretrained(BERT)
    sizes = {
        f"{part}_{key}": 2
        for part in ("encoder", "decoder")
        for key in ("layers", "attention_heads", "ffn_dim")
    }
    special = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.cls_token_id}
    special |= {"eos_token_id": tokenizer.sep_token_id, "forced_eos_token_id": None}
    config = BartConfig(
        vocab_size=len(tokenizer),
        d_model=8,
        max_position_embeddings=32,
        decoder_start_token_id=tokenizer.sep_token_id,
        **sizes,
        **special,
    )
    BartForConditionalGeneration(config).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def test_bart(tmp_path, bart) -> None:
    data = tmp_path / "pairs.tsv"
    data.write_text("the soup was cold\tcold soup\n" * 8)
    tokenizer = {"type": "pretrained_transformer", "model_name": bart}
    archive = train(
        tmp_path,
        data,
        dataset_reader={
            "type": "seq2seq",
            "source_tokenizer": tokenizer,
            "source_token_indexers": {
                "tokens": {"type": "pretrained_transformer", "model_name": bart}
            },
            "source_add_start_token": False,
            "source_add_end_token": False,
            "target_add_start_token": False,
            "target_add_end_token": False,
        },
        model={"type": "bart", "model_name": bart, "beam_search": {"max_steps": 5}},
    )
    predicted = predict(load_archive(archive, overrides={"bert": bart}), data)
    assert isinstance(predicted["predicted_text"], str)


@pytest.mark.parametrize("modules", [1, ["encoder.layer.0", "pooler"]])
def test_a_config_draws_layers_anew(modules) -> None:
    embedder = {"type": "pretrained_transformer", "model_name": BERT}

    def model(**more: Any) -> Model:
        params = {
            "type": "basic_classifier",
            "num_labels": 2,
            "text_field_embedder": {"token_embedders": {"tokens": {**embedder, **more}}},
            "seq2vec_encoder": {"type": "cls_pooler", "embedding_dim": 32},
        }
        return Model.from_params(Params(params), vocab=Vocabulary())

    before, after = model().state_dict(), model(reinit_modules=modules).state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    part = "layer.1.attention" if modules == 1 else "layer.0.attention"
    assert any(part in name for name in changed)
    assert not any("embeddings" in name for name in changed)
