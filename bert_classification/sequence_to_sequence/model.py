from typing import Any, Iterator, Mapping, NamedTuple, Optional, Union

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import sanitize
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.nn import RegularizerApplicator
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import BertModel, EncoderDecoderModel

from bert_classification.archives import serialization
from bert_classification.bert.encoder import TextInput, encode_field
from bert_classification.bert.inputs import check_run, refuse_unknown_arguments
from bert_classification.bert.pretrained import (
    load_pretrained,
    nothing_is_trained,
    set_trainable,
)
from bert_classification.objectives.decoder import load_decoder, piece_losses
from bert_classification.objectives.generation import (
    Generation,
    Prompt,
    Read,
    continue_texts,
    group_by_settings,
    join_pieces,
    stream_text,
)
from bert_classification.sequence_to_sequence.dataset_reader import Request
from bert_classification.sequence_to_sequence.scores import check_scorers, written_scores
from bert_classification.sequence_to_sequence.sharing import share_weights
from bert_classification.training.collected_metric import CollectedMetric
from bert_classification.training.perplexity import CorpusPerplexity


class _Decoded(NamedTuple):
    """
    What the decoder says of targets.

    logprob, perplexity : `Tensor`
        Of each target and per piece, shape `(batch_size,)`.
    loss, pieces : `Tensor`
        Summed over all predicted pieces, and how many these are.
    layer_outputs : `Dict[str, Tensor]`
        What was asked for beside.
    """

    logprob: Tensor
    perplexity: Tensor
    loss: Tensor
    pieces: Tensor
    layer_outputs: dict[str, Tensor]


@Model.register("bert_for_sequence_to_sequence")
class BertForSequenceToSequence(Model):
    """
    BERT to BERT (Rothe et al. 2020): an encoder reads a text, and a decoder, a BERT with a causal
    mask and with cross-attention, which is new, writes another one. It is transformers'
    `EncoderDecoderModel`.

    # Parameters

    vocab : `Vocabulary`
    bert_model : `Union[str, BertModel]`
        What both halves start from: a directory, a name on the model hub, or a `BertModel`, whose
        weights are copied for the decoder.
    decoder_bert_model : `str`, optional
        Another one for the decoder, with the same word pieces.
    tie : `bool`, optional (default = `False`)
        Whether both halves have their weights in common, but for cross-attention and head.
    label_smoothing : `float`, optional (default = `0.0`)
        How much of the probability is spread over the vocabulary in training, below 1.
    validation_generation : `bool`, optional (default = `True`)
        Whether validation writes the targets as well, greedily, and scores them.
    max_validation_pieces : `int`, optional (default = `128`)
        The most pieces that it writes for a text.
    index, trainable, regularizer, encoder, gradient_checkpointing, output_hidden_states,
    output_attentions, serialization_dir :
        See `bert_classification.bert`; `encoder` is for both halves, `trainable` counts the layers
        of each half, and cross-attention and head always are.
    """

    default_predictor = "bert_for_sequence_to_sequence"
    starts_from = ("EncoderDecoderModel",)

    def __init__(
        self,
        vocab: Vocabulary,
        bert_model: Union[str, BertModel],
        decoder_bert_model: Optional[str] = None,
        tie: bool = False,
        label_smoothing: float = 0.0,
        validation_generation: bool = True,
        max_validation_pieces: int = 128,
        index: str = "bert",
        trainable: Any = True,
        regularizer: Optional[RegularizerApplicator] = None,
        encoder: Optional[dict[str, Any]] = None,
        gradient_checkpointing: bool = False,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(vocab, regularizer, serialization_dir)
        _check_settings(label_smoothing, max_validation_pieces)
        # What is opened, or converted, is to predict as well, which needs no scorers.
        is_fresh = not (serialization.has_weights(serialization_dir) or nothing_is_trained())
        if validation_generation and is_fresh:
            check_scorers()
        pretrained = load_pretrained(BertModel, bert_model, serialization_dir, encoder=encoder)
        self.text_input = TextInput(
            index, pretrained.cls_id, output_hidden_states, output_attentions
        )
        self.bert = pretrained.model
        self.decoder = load_decoder(
            decoder_bert_model or bert_model,
            serialization_dir,
            add_cross_attention=True,
            part=serialization.DECODER,
            encoder=encoder,
        ).model
        if tie:
            share_weights(self.bert, self.decoder)
        whole = EncoderDecoderModel(encoder=self.bert, decoder=self.decoder)
        # In a tuple torch does not see it; as a module its weights would be saved twice.
        self._generator = (whole,)
        # Between halves of another width.
        self.enc_to_dec_proj = getattr(whole, "enc_to_dec_proj", None)
        set_trainable(self.bert, trainable, gradient_checkpointing)
        set_trainable(self.decoder.bert, trainable, gradient_checkpointing)
        for layer in self.decoder.bert.encoder.layer:
            layer.crossattention.requires_grad_(True)
        if self.bert.pooler is not None:
            # Processes that train together wait for the gradients of all the rest.
            self.bert.pooler.requires_grad_(False)
        self._label_smoothing = label_smoothing
        self._validation_pieces = max_validation_pieces if validation_generation else 0
        self._tokenizer = pretrained.tokenizer
        self._perplexity = CorpusPerplexity()
        self._written = CollectedMetric(written_scores)

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        target: Optional[TextFieldTensors] = None,
        request: Optional[list[Request]] = None,
        **unknown: Any,
    ) -> dict[str, Any]:
        """
        # Parameters

        tokens : `TextFieldTensors`
            What the indexer `bert-pretrained` gives under the key `index`; shape `(batch_size,
            length)` each.
        target : `TextFieldTensors`, optional
            The same of what the texts are to become. Every piece but the first of a row is
            predicted from those before it and from the text.
        request : `List[Request]`, optional
            Where something is to be written; see `generate`.

        # Returns

        Of the targets `logprob`, the natural logarithm of each one's probability, its `[SEP]`
        included, and `perplexity` per predicted piece, both of shape `(batch_size,)`; and `loss`,
        the mean over all predicted pieces. In validation, `target_ids`, what was written for each
        text. What `output_hidden_states` and `output_attentions` ask for is that of the encoder,
        and of the decoder under `decoder_hidden_states`, `decoder_attentions` and
        `cross_attentions`.
        """
        refuse_unknown_arguments(unknown, "target")
        encoded = encode_field(self.bert, tokens, self.text_input)
        read = Read(encoded.hidden_states, self.text_input.get_tensors(tokens)["mask"])
        if request is not None:
            begin = self.text_input.get_tensors(tokens)["input_ids"][:, :1]
            return {**self.generate(begin, read, request), **encoded.layer_outputs}
        if target is None:
            raise ConfigurationError("`forward` needs a `target` to score, or a `request`.")
        field = self.text_input.get_tensors(target)
        smoothing = self._label_smoothing if self.training else 0.0
        decoded = self._decode(read, field["input_ids"], field["mask"], smoothing)
        output: dict[str, Any] = {
            "loss": decoded.loss / decoded.pieces.clamp(min=1),
            "logprob": decoded.logprob,
            "perplexity": decoded.perplexity,
            **encoded.layer_outputs,
            **decoded.layer_outputs,
        }
        self._perplexity(decoded.loss.item(), int(decoded.pieces))
        if self._validation_pieces and not (self.training or torch.is_grad_enabled()):
            output["target_ids"] = self._validate(read, field)
        return output

    @torch.no_grad()
    def generate(self, begin: Tensor, read: Read, request: list[Request]) -> dict[str, Any]:
        """
        Writes what texts become, with Hugging Face's `generate` and its cache.

        # Parameters

        begin : `Tensor`
            The `[CLS]` with which each target begins, shape `(batch_size, 1)`.
        read : `Read`
            What the encoder made of the texts.
        request : `List[Request]`
            For each text, how; or the target that is taken for what is written.

        # Returns

        `target_ids`, for each text the pieces that were written, the `[SEP]` that ended them
        included; `logprob` of these under the model as it is, shape `(batch_size,)`: temperature,
        `top_k` and `top_p` do not change it; `perplexity` of targets that were given, and
        `cross_attention`, where it was asked for, of shape `(pieces, source_length)`, elsewhere
        `None`; and what is asked for of the decoder's layers.
        """
        return self._describe(begin, read, request, self._write(begin, read, request))

    @torch.no_grad()
    def stream(self, text: Tensor, request: Request) -> Iterator[dict[str, Any]]:
        """
        Yields what `generate` gives for the piece ids of one text, shape `(length,)`, step by step:
        after each piece `target_ids` so far, at the end all of the output.
        """
        input_ids = text.unsqueeze(0)
        mask = torch.ones_like(input_ids).bool()
        field = {"input_ids": input_ids, "token_type_ids": torch.zeros_like(input_ids)}
        tokens: Any = {self.text_input.index: {**field, "mask": mask}}
        encoded = encode_field(self.bert, tokens, self.text_input)
        read, ids = Read(encoded.hidden_states, mask), []
        if request.target is None:
            self._check_room(request.prompt.generation.max_new_tokens)
            for piece in stream_text(self._generator[0], text[:1], request.prompt, read):
                ids.append(piece)
                yield {"target_ids": ids}
        else:
            ids = request.target.tolist()
        whole = self._describe(input_ids[:, :1], read, [request], [text.new_tensor(ids)])
        whole.update(encoded.layer_outputs)
        yield {name: sanitize(each[0]) for name, each in whole.items() if each[0] is not None}

    def _describe(
        self, begin: Tensor, read: Read, request: list[Request], written: list[Tensor]
    ) -> dict[str, Any]:
        # (batch_size, length)
        input_ids = pad_sequence(
            [torch.cat([first, ids]) for first, ids in zip(begin, written)], batch_first=True
        )
        lengths = torch.tensor([1 + len(ids) for ids in written], device=input_ids.device)
        mask = torch.arange(input_ids.size(1), device=input_ids.device) < lengths.unsqueeze(1)
        wanted = [each.cross_attention for each in request]
        decoded = self._decode(read, input_ids, mask, attentions=any(wanted))
        given = [each.target is not None for each in request]
        output: dict[str, Any] = {
            "target_ids": [ids.tolist() for ids in written],
            "logprob": decoded.logprob,
            "perplexity": _where(given, decoded.perplexity.tolist()),
            **decoded.layer_outputs,
        }
        if any(wanted):
            # (batch_size, length - 1, source_length)
            weights = decoded.layer_outputs["cross_attentions"].mean((1, 2))
            sizes = read.mask.sum(-1).tolist()
            shown = zip(weights, written, sizes)
            rows = [row[: len(ids), :size].tolist() for row, ids, size in shown]
            output["cross_attention"] = _where(wanted, rows)
        if any(wanted) and not self.text_input.output_attentions:
            for name in ("cross_attentions", "decoder_attentions"):
                del output[name]
        return output

    def _write(self, begin: Tensor, read: Read, request: list[Request]) -> list[Tensor]:
        written = [begin.new_tensor([] if r.target is None else r.target) for r in request]
        open_ones = [index for index, each in enumerate(request) if each.target is None]
        for places in group_by_settings([request[i].prompt.generation for i in open_ones]):
            indices = [open_ones[place] for place in places]
            prompt = request[indices[0]].prompt
            self._check_room(prompt.generation.max_new_tokens)
            texts = list(begin[indices])
            together = continue_texts(self._generator[0], texts, prompt, read.rows(indices))
            for index, ids in zip(indices, together):
                written[index] = ids
        return written

    def _validate(self, read: Read, target: Mapping[str, Tensor]) -> list[list[int]]:
        """Writes and scores the targets of a batch."""
        if self._tokenizer is None:
            raise ConfigurationError(
                "`model.validation_generation` needs a tokenizer, and a `BertModel` brings none; "
                "let `bert_model` be a name or a directory, or `validation_generation` false."
            )
        room = min(self._validation_pieces, self.decoder.config.max_position_embeddings - 1)
        special = (self._tokenizer.sep_token_id, self._tokenizer.pad_token_id)
        prompt = Prompt("", Generation(max_new_tokens=room), *special)
        begin = list(target["input_ids"][:, :1])
        written = [ids.tolist() for ids in continue_texts(self._generator[0], begin, prompt, read)]
        rows = zip(target["input_ids"], target["mask"].bool())
        gold = [ids[mask][1:].tolist() for ids, mask in rows]
        self._written([self._join(ids) for ids in written], [self._join(ids) for ids in gold])
        return written

    def _join(self, ids: list[int]) -> str:
        return join_pieces(self._tokenizer, ids).strip()

    def _check_room(self, pieces: int) -> None:
        positions = self.decoder.config.max_position_embeddings
        if pieces >= positions:
            raise ConfigurationError(
                f"Up to {pieces} word pieces are to be written, and the decoder has {positions} "
                "positions; set `dataset_reader.max_target_pieces` to no more than these."
            )

    def _decode(
        self,
        read: Read,
        input_ids: Tensor,
        mask: Tensor,
        label_smoothing: float = 0.0,
        attentions: bool = False,
    ) -> _Decoded:
        """Predicts each piece after the first from those before it, shape `(batch, length)`."""
        before, mask = input_ids[:, :-1], mask.bool()
        predicted = mask[:, 1:]
        check_run(self.decoder.bert, before, torch.zeros_like(before), mask[:, :-1])
        attentions = attentions or self.text_input.output_attentions
        states = read.hidden_states
        if self.enc_to_dec_proj is not None:
            states = self.enc_to_dec_proj(states)
        output = self.decoder.bert(
            input_ids=before,
            attention_mask=mask[:, :-1],
            encoder_hidden_states=states,
            encoder_attention_mask=read.mask,
            output_hidden_states=self.text_input.output_hidden_states,
            output_attentions=attentions,
            attention_weights=attentions,
            use_cache=False,
        )
        losses = piece_losses(
            self.decoder.cls, output.last_hidden_state, input_ids[:, 1:], predicted, label_smoothing
        )
        named = {
            "decoder_hidden_states": output.hidden_states,
            "decoder_attentions": output.attentions,
            "cross_attentions": output.cross_attentions,
        }
        # (batch, layers + 1, length - 1, width) and (batch, layers, heads, length - 1, *)
        stacked = {name: torch.stack(each, dim=1).float() for name, each in named.items() if each}
        total, count = losses.sum(-1), predicted.sum(-1)
        # Beyond exp(80) a float32 is infinite, which JSON cannot hold.
        perplexity = (total / count.clamp(min=1)).clamp(max=80).exp()
        return _Decoded(-total, perplexity, total.sum(), count.sum(), stacked)

    def make_output_human_readable(self, output_dict: dict[str, Any]) -> dict[str, Any]:
        """Leaves ids as they are: the predictor, which has the tokenizer, makes them text."""
        return output_dict

    decode = make_output_human_readable

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """Gives `perplexity` per predicted piece, and of a validation `written_scores`."""
        perplexity = self._perplexity.get_metric(reset)["perplexity"]
        return {"perplexity": perplexity, **self._written.get_metric(reset)}


def _where(wanted: list[bool], values: list[Any]) -> list[Any]:
    return [value if is_wanted else None for is_wanted, value in zip(wanted, values)]


def _check_settings(label_smoothing: float, max_validation_pieces: int) -> None:
    if not 0 <= label_smoothing < 1:
        raise ConfigurationError(
            f"`model.label_smoothing` is {label_smoothing}; expected from 0 to below 1."
        )
    if max_validation_pieces < 1:
        raise ConfigurationError(
            f"`model.max_validation_pieces` is {max_validation_pieces}; expected at least 1."
        )
