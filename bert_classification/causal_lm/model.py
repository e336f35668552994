from typing import Any, Iterator, Optional, Union

import torch
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.nn import InitializerApplicator, RegularizerApplicator
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import BertModel

from bert_classification.bert.encoder import TextInput, encode, encode_field
from bert_classification.bert.inputs import refuse_unknown_arguments
from bert_classification.bert.pretrained import set_trainable
from bert_classification.objectives.decoder import load_decoder, piece_losses
from bert_classification.objectives.generation import (
    Prompt,
    continue_texts,
    group_by_settings,
    stream_text,
)
from bert_classification.training.perplexity import CorpusPerplexity


@Model.register("bert_for_causal_lm")
class BertForCausalLM(Model):
    """
    BERT as a decoder: each piece is predicted from those before it, through the head of masked
    language modelling (Devlin et al. 2019), whose last layer is tied to the word embeddings. The
    attention is causal, whatever the checkpoint's configuration says.

    # Parameters

    vocab : `Vocabulary`
    bert_model : `Union[str, BertModel]`
        A directory, a name on the model hub, or a `BertModel`, whose weights are copied. A
        checkpoint that has a language modelling head gives it as well.
    trainable : `Union[bool, int]`, optional (default = `True`)
        Whether BERT is trained, or how many of its top layers are; the head's transform and bias
        always are. The decoder is the word embedding, and trained with it.
    initializer : `InitializerApplicator`, optional
        Initializes the last linear layer that is the head's own, `cls.predictions.transform.dense`,
        by the names `weight` and `bias`; the decoder after it is BERT's word embedding.
    index, regularizer, encoder, gradient_checkpointing, output_hidden_states, output_attentions,
    serialization_dir :
        See `bert_classification.bert`.
    """

    default_predictor = "bert_for_causal_lm"
    starts_from = ("BertLMHeadModel",)

    def __init__(
        self,
        vocab: Vocabulary,
        bert_model: Union[str, BertModel],
        index: str = "bert",
        trainable: Any = True,
        initializer: InitializerApplicator = InitializerApplicator(),
        regularizer: Optional[RegularizerApplicator] = None,
        encoder: Optional[dict[str, Any]] = None,
        gradient_checkpointing: bool = False,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(vocab, regularizer, serialization_dir)
        pretrained = load_decoder(bert_model, serialization_dir, encoder=encoder)
        self.text_input = TextInput(
            index, pretrained.cls_id, output_hidden_states, output_attentions
        )
        self.bert = pretrained.model.base_model
        self.cls = pretrained.model.cls
        # In a tuple torch does not see it; as a module its weights would be saved twice.
        self._generator = (pretrained.model,)
        set_trainable(self.bert, trainable, gradient_checkpointing)
        initializer(self.cls.predictions.transform.dense)
        self._perplexity = CorpusPerplexity()

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        words: Optional[list[int]] = None,
        prompt: Optional[list[Prompt]] = None,
        **unknown: Any,
    ) -> dict[str, Any]:
        """
        # Parameters

        tokens : `TextFieldTensors`
            What the indexer `bert-pretrained` gives under the key `index`; shape `(batch_size,
            length)` each. Every piece but the first of a row is predicted.
        words : `List[int]`, optional
            How many words each text has, in training, evaluation and scoring. A word begins at each
            piece that does not start with `##`: BERT's own words, of which a mark of punctuation is
            one; special pieces are none.
        prompt : `List[Prompt]`, optional
            When given, the texts are continued instead; see `generate`.

        # Returns

        `logprob`, the natural logarithm of each text's probability, its `[SEP]` included, and
        `perplexity` per predicted piece, both of shape `(batch_size,)`; and `loss`, the mean over
        all predicted pieces, when `words` was given.
        """
        refuse_unknown_arguments(unknown)
        if prompt is not None:
            return self.generate(tokens, prompt)
        encoded = encode_field(self.bert, tokens, self.text_input)
        tensors = self.text_input.get_tensors(tokens)
        # (batch_size, length - 1)
        predicted = tensors["mask"][:, 1:] & tensors["mask"][:, :-1]
        losses = self._losses(encoded.hidden_states, tensors["input_ids"], predicted)
        total, count = losses.sum(-1), predicted.sum(-1)
        output = {
            "logprob": -total,
            # Beyond exp(80) a float32 is infinite, which JSON cannot hold.
            "perplexity": (total / count.clamp(min=1)).clamp(max=80).exp(),
            **encoded.layer_outputs,
        }
        if words is not None:
            output["loss"] = total.sum() / count.sum().clamp(min=1)
            self._perplexity(total.sum().item(), int(count.sum()), sum(words))
        return output

    @torch.no_grad()
    def generate(self, tokens: TextFieldTensors, prompt: list[Prompt]) -> dict[str, Any]:
        """
        Continues texts with Hugging Face's `generate` and its cache.

        # Returns

        `continuation_ids`, for each text the pieces that follow it, the `[SEP]` that ended it
        included; and `logprob`, of shape `(batch_size,)`, the natural logarithm of their
        probability under the model as it is: temperature, `top_k` and `top_p` do not change it.
        """
        field = self.text_input.get_tensors(tokens)
        texts = [ids[mask] for ids, mask in zip(field["input_ids"], field["mask"])]
        continuation_ids: list[list[int]] = [[] for _ in texts]
        logprob = torch.zeros(len(texts), device=field["input_ids"].device)
        for indices in group_by_settings([text.generation for text in prompt]):
            together = [texts[index] for index in indices]
            continued = continue_texts(self._generator[0], together, prompt[indices[0]])
            logprob[indices] = self._continuation_logprob(together, continued)
            for index, ids in zip(indices, continued):
                continuation_ids[index] = ids.tolist()
        return {"continuation_ids": continuation_ids, "logprob": logprob}

    @torch.no_grad()
    def stream(self, text: Tensor, prompt: Prompt) -> Iterator[dict[str, Any]]:
        """
        Yields what `generate` gives for the piece ids of one text, shape `(length,)`, step by step:
        after each piece `continuation_ids` so far, at the end with their `logprob`.
        """
        ids: list[int] = []
        for piece in stream_text(self._generator[0], text, prompt):
            ids.append(piece)
            yield {"continuation_ids": ids}
        logprob = self._continuation_logprob([text], [text.new_tensor(ids)])
        yield {"continuation_ids": ids, "logprob": logprob.item()}

    def _continuation_logprob(self, texts: list[Tensor], continued: list[Tensor]) -> Tensor:
        whole = [torch.cat(parts) for parts in zip(texts, continued)]
        # (texts, length)
        input_ids = pad_sequence(whole, batch_first=True)
        positions = torch.arange(input_ids.size(1), device=input_ids.device)
        # Both (texts, 1)
        begin = torch.tensor([len(ids) for ids in texts], device=input_ids.device).unsqueeze(1)
        end = torch.tensor([len(ids) for ids in whole], device=input_ids.device).unsqueeze(1)
        encoded = encode(self.bert, input_ids, torch.zeros_like(input_ids), positions < end)
        predicted = ((positions >= begin) & (positions < end))[:, 1:]
        return -self._losses(encoded.hidden_states, input_ids, predicted).sum(-1)

    def _losses(self, hidden_states: Tensor, input_ids: Tensor, predicted: Tensor) -> Tensor:
        """Computes the loss of each piece after the first, shape `(batch_size, length - 1)`."""
        return piece_losses(self.cls, hidden_states[:, :-1], input_ids[:, 1:], predicted)

    def make_output_human_readable(self, output_dict: dict[str, Any]) -> dict[str, Any]:
        """Leaves ids as they are: the predictor, which has the tokenizer, makes them text."""
        return output_dict

    decode = make_output_human_readable

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """Gives `perplexity` per predicted piece and `word_perplexity`; see `CorpusPerplexity`."""
        return self._perplexity.get_metric(reset)
