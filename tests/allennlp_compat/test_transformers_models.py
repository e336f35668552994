"""Models of transformers 5 as AllenNLP and those who build on it load and call them."""

import pytest
import torch
from allennlp.common import cached_transformers
from allennlp.data import Vocabulary
from allennlp.data.data_loaders.data_collator import LanguageModelingDataCollator
from allennlp.data.dataset_readers import TextClassificationJsonReader
from allennlp.data.token_indexers import PretrainedTransformerIndexer
from allennlp.data.tokenizers import PretrainedTransformerTokenizer
from allennlp_models.generation.models import Bart
from transformers import (
    AutoTokenizer,
    BartConfig,
    BartForConditionalGeneration,
    BertLMHeadModel,
    BertModel,
)

from tests.support import BERT


@pytest.fixture(autouse=True)
def clear_caches() -> None:
    cached_transformers._clear_caches()


@pytest.mark.parametrize("modules", [1, (1,), (r"encoder\.layer\.1",)])
def test_reinit_modules_draws_new_weights(modules) -> None:
    loaded = cached_transformers.get(BERT, make_copy=True).encoder.layer
    drawn = cached_transformers.get(BERT, make_copy=True, reinit_modules=modules).encoder.layer
    old, new = (layer[1].output.dense.weight for layer in (loaded, drawn))
    assert not torch.equal(old, new)
    assert new.std().item() == pytest.approx(0.02, rel=0.3)
    assert torch.equal(loaded[0].output.dense.weight, drawn[0].output.dense.weight)


@pytest.mark.parametrize("load_weights", [True, False])
def test_a_checkpoint_in_half_precision_is_loaded_in_single(tmp_path, load_weights) -> None:
    BertModel.from_pretrained(BERT).half().save_pretrained(tmp_path)
    model = cached_transformers.get(str(tmp_path), make_copy=False, load_weights=load_weights)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    cached_transformers._clear_caches()
    half = cached_transformers.get(str(tmp_path), make_copy=False, torch_dtype=torch.float16)
    assert half.embeddings.word_embeddings.weight.dtype == torch.float16


def test_past_key_values_as_tuples() -> None:
    model = BertLMHeadModel.from_pretrained(BERT, is_decoder=True).eval()
    ids = torch.tensor([[5, 6, 7]])
    whole = model(ids).logits[:, -1]
    layers = model(ids[:, :2], use_cache=True).past_key_values.layers
    past = tuple((layer.keys, layer.values) for layer in layers)
    last = model(ids[:, 2:], past_key_values=past).logits[:, -1]
    assert torch.allclose(whole, last, atol=1e-5)


def test_head_mask_is_refused_where_it_would_be_ignored() -> None:
    model = BertModel.from_pretrained(BERT)
    ids = torch.tensor([[5, 6]])
    assert torch.equal(model(ids, head_mask=None)[0], model(ids)[0])
    with pytest.raises(TypeError, match="BertModel: `head_mask` left with transformers 5"):
        model(ids, head_mask=torch.ones(2, 2))


def test_the_whole_word_collator_names_its_successor() -> None:
    from transformers import DataCollatorForWholeWordMask

    if DataCollatorForWholeWordMask.__module__.startswith("transformers."):
        pytest.skip("this version of transformers still has it")
    with pytest.raises(ModuleNotFoundError, match="whole_word_mask=True"):
        DataCollatorForWholeWordMask(tokenizer=None)


@pytest.fixture(scope="module")
def bart_directory(tmp_path_factory) -> str:
    torch.manual_seed(1)
    directory = str(tmp_path_factory.mktemp("bart"))
    tokenizer = AutoTokenizer.from_pretrained(BERT)
    sizes = {f"{part}_{key}": 2 for part in ("encoder", "decoder") for key in LAYERS}
    special = {"pad": tokenizer.pad_token_id, "bos": tokenizer.cls_token_id}
    special |= {"eos": tokenizer.sep_token_id, "decoder_start": tokenizer.sep_token_id}
    ids = {f"{name}_token_id": index for name, index in special.items()}
    config = BartConfig(
        vocab_size=len(tokenizer),
        d_model=8,
        max_position_embeddings=32,
        init_std=1.0,
        **sizes,
        **ids,
    )
    model = BartForConditionalGeneration(config)
    model.generation_config.forced_eos_token_id = None
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


LAYERS = ("layers", "attention_heads", "ffn_dim")


def test_bart_predicts_what_transformers_generates(bart_directory) -> None:
    vocabulary = Vocabulary()
    search = {"beam_search": {"beam_size": 3, "max_steps": 6}}
    bart = Bart.from_params(_params(bart_directory, **search), vocab=vocabulary).eval()
    ids = torch.tensor([[2, 9, 40, 3], [2, 30, 31, 3]])
    tokens = {"tokens": {"token_ids": ids, "mask": torch.ones_like(ids).bool()}}
    predicted = bart(tokens)
    best = bart.bart.generate(ids, num_beams=3, max_new_tokens=6, length_penalty=0.0)
    assert predicted["predictions"].tolist() == best[:, 1:].tolist()
    assert len(predicted["predicted_text"]) == 2


def _params(directory: str, **more):
    from allennlp.common import Params

    return Params({"type": "bart", "model_name": directory, **more})


def test_language_modeling_collator() -> None:
    tokenizer = PretrainedTransformerTokenizer(BERT)
    indexers = {"tokens": PretrainedTransformerIndexer(BERT)}
    reader = TextClassificationJsonReader(indexers, tokenizer)
    instance = reader.text_to_instance("the soup was cold " * 10)
    reader.apply_token_indexers(instance)
    instance.index_fields(Vocabulary())
    collator = LanguageModelingDataCollator(BERT, mlm_probability=0.5, filed_name="tokens")
    tensors = collator([instance])["tokens"]["tokens"]
    assert 0 < (tensors["labels"] != -100).sum() < tensors["labels"].numel()
