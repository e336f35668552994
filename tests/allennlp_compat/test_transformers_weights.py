import shutil
from pathlib import Path

import pytest
import torch
from allennlp.common import Params, cached_transformers
from allennlp.data import Vocabulary
from allennlp.models import Model
from allennlp.modules.transformer import TransformerEmbeddings, TransformerStack
from transformers import BertModel

from tests.support import BERT

POSITIONS = torch.arange(512).unsqueeze(0)


def make_classifier() -> Model:
    embedder = {"type": "pretrained_transformer", "model_name": BERT}
    encoder = {"type": "cls_pooler", "embedding_dim": 32}
    params = {"type": "basic_classifier", "num_labels": 2, "seq2vec_encoder": encoder}
    params["text_field_embedder"] = {"token_embedders": {"tokens": embedder}}
    return Model.from_params(Params(params), vocab=Vocabulary())


def test_archives_of_allennlp_2_hold_position_ids() -> None:
    model = make_classifier()
    state = model.state_dict()
    (name,) = [key for key in state if key.endswith("position_embeddings.weight")]
    old = name.replace("position_embeddings.weight", "position_ids")
    state[old] = POSITIONS
    assert model.load_state_dict(state, strict=False) == ([], [])
    assert old in state, "what is given stays as it is"
    unexpected = model.load_state_dict({**state, "more": POSITIONS}, strict=False)[1]
    assert unexpected == ["more"]


def test_override_weights_of_before(tmp_path) -> None:
    state = {**BertModel.from_pretrained(BERT).state_dict(), "embeddings.position_ids": POSITIONS}
    torch.save(state, tmp_path / "weights.th")
    weights = str(tmp_path / "weights.th")
    model = cached_transformers.get(BERT, make_copy=False, override_weights_file=weights)
    assert torch.equal(model.pooler.dense.weight, state["pooler.dense.weight"])


def save_in_pieces(directory: Path) -> None:
    BertModel.from_pretrained(BERT).save_pretrained(directory, max_shard_size="40KB")
    assert len(list(directory.glob("*.safetensors"))) > 1


def save_as_safetensors(directory: Path) -> None:
    BertModel.from_pretrained(BERT).save_pretrained(directory)


def save_as_pickle(directory: Path) -> None:
    shutil.copy(Path(BERT) / "config.json", directory)
    model = BertModel.from_pretrained(BERT)
    torch.save(model.state_dict(), directory / "pytorch_model.bin")


@pytest.mark.parametrize("save", [save_as_pickle, save_as_safetensors, save_in_pieces])
def test_pretrained_modules(tmp_path, save) -> None:
    save(tmp_path)
    model = BertModel.from_pretrained(BERT)
    embeddings = TransformerEmbeddings.from_pretrained_module(
        str(tmp_path), relevant_module="embeddings"
    )
    ours = embeddings.embeddings.word_embeddings.weight
    assert torch.equal(ours, model.embeddings.word_embeddings.weight)
    stack = TransformerStack.from_pretrained_module(str(tmp_path), relevant_module="encoder")
    ids = torch.tensor([[5, 6, 7]])
    mask = torch.ones_like(ids).bool()
    ours = stack.eval()(embeddings.eval()(ids), attention_mask=mask).final_hidden_states
    assert torch.allclose(ours, model.eval()(ids)[0], atol=1e-5)


def test_a_directory_without_weights_is_left_to_allennlp(tmp_path) -> None:
    shutil.copy(Path(BERT) / "config.json", tmp_path)
    with pytest.raises(Exception, match="pytorch_model.bin|HFValidationError|repo_name|Repo id"):
        TransformerEmbeddings.from_pretrained_module(str(tmp_path))
