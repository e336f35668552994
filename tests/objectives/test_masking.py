"""The masking as statistics, and as determinism."""

from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from torch import Tensor

from bert_classification.bert.word_pieces import WordPieceTokenizer
from bert_classification.data.label_field import IGNORE_INDEX
from bert_classification.objectives.masking import Masked, Masking
from tests.support import BERT

TOKENIZER = WordPieceTokenizer(BERT)


def texts(rows: int = 400, length: int = 100) -> tuple[Tensor, Tensor]:
    """Draws pieces between [CLS] and [SEP], some of them special, with padding of any length."""
    generator = torch.Generator().manual_seed(5)
    input_ids = torch.randint(len(TOKENIZER), (rows, length), generator=generator)
    lengths = torch.randint(10, length + 1, (rows, 1), generator=generator)
    mask = torch.arange(length) < lengths
    input_ids[:, 0] = TOKENIZER.cls_id
    input_ids.scatter_(1, lengths - 1, TOKENIZER.sep_id)
    return input_ids.masked_fill(~mask, TOKENIZER.pad_id), mask


def special(input_ids: Tensor) -> Tensor:
    return torch.isin(input_ids, torch.tensor(TOKENIZER.pretrained.all_special_ids))


def draw(seed: int = 1, **options: Any) -> tuple[Tensor, Tensor, Masked]:
    torch.manual_seed(seed)
    input_ids, mask = texts()
    return input_ids, mask, Masking(TOKENIZER, **options).train()(input_ids, mask)


class TestStatistics:
    @pytest.mark.parametrize("probability", [0.15, 0.4])
    def test_the_number_of_chosen_pieces_is_exact_in_each_text(self, probability) -> None:
        input_ids, _, masked = draw(mlm_probability=probability)
        chosen = (masked.label != IGNORE_INDEX).sum(-1)
        pieces = (~special(input_ids)).sum(-1)
        assert chosen.tolist() == [max(1, round(probability * int(n))) for n in pieces]

    @pytest.mark.parametrize("whole_word_mask", [False, True])
    def test_special_pieces_are_never_chosen_nor_put_in(self, whole_word_mask) -> None:
        input_ids, mask, masked = draw(whole_word_mask=whole_word_mask)
        chosen = masked.label != IGNORE_INDEX
        assert not chosen[special(input_ids) | ~mask].any()
        assert torch.equal(masked.label[chosen], input_ids[chosen])
        assert torch.equal(masked.input_ids[~chosen], input_ids[~chosen])
        put_in = masked.input_ids[chosen]
        assert not special(put_in[put_in != TOKENIZER.mask_id]).any()

    def test_of_ten_chosen_pieces_eight_are_masked_one_random_one_kept(self) -> None:
        input_ids, _, masked = draw()
        chosen = masked.label != IGNORE_INDEX
        before, after = input_ids[chosen], masked.input_ids[chosen]
        hidden, kept = (after == TOKENIZER.mask_id), (after == before)
        assert hidden.double().mean() == pytest.approx(0.8, abs=0.02)
        assert kept.double().mean() == pytest.approx(0.1, abs=0.02)
        random = after[~hidden & ~kept]
        assert len(random.unique()) > len(random) / 2

    def test_every_position_is_chosen_as_often(self) -> None:
        input_ids = torch.full((4000, 21), TOKENIZER.sep_id)
        input_ids[:, :20] = torch.randint(5, len(TOKENIZER), (4000, 20))
        masked = Masking(TOKENIZER).train()(input_ids, torch.ones_like(input_ids).bool())
        shares = (masked.label != IGNORE_INDEX)[:, :20].double().mean(0)
        assert shares.min() > 0.13 and shares.max() < 0.17

    def test_whole_words_are_chosen_together_and_meet_the_number_on_average(self) -> None:
        input_ids, _, masked = draw(whole_word_mask=True)
        chosen = masked.label != IGNORE_INDEX
        names = [TOKENIZER.convert_ids_to_tokens(row) for row in input_ids.tolist()]
        ordinary = ~special(input_ids)
        for row, pieces in enumerate(names):
            for index in range(1, len(pieces)):
                if pieces[index].startswith("##") and ordinary[row, index - 1 : index + 1].all():
                    assert chosen[row, index] == chosen[row, index - 1]
        # A short text gets at least one word, however long it is.
        assert chosen[ordinary].double().mean() == pytest.approx(0.15, abs=0.01)
        assert chosen.any(-1).equal(ordinary.any(-1))

    def test_a_text_without_ordinary_pieces_gets_no_label(self) -> None:
        input_ids = torch.tensor([[TOKENIZER.cls_id, TOKENIZER.unk_id, TOKENIZER.sep_id]])
        masked = Masking(TOKENIZER)(input_ids, torch.ones_like(input_ids).bool())
        assert masked.input_ids.equal(input_ids) and (masked.label == IGNORE_INDEX).all()


class TestDeterminism:
    def test_same_seed_same_masks_and_next_epoch_other_masks(self) -> None:
        input_ids, mask = texts()
        masking = Masking(TOKENIZER).train()
        epochs = []
        for _ in range(2):
            torch.manual_seed(3)
            epochs.append([masking(input_ids, mask) for _ in range(2)])
        (first, second), (first_again, second_again) = epochs
        assert first.input_ids.equal(first_again.input_ids)
        assert second.label.equal(second_again.label)
        assert not first.label.equal(second.label)
        assert not draw(4)[2].label.equal(first.label)

    def test_equal_texts_of_a_batch_get_other_masks_in_training(self) -> None:
        input_ids, mask = (rows[:1].repeat(8, 1) for rows in texts(length=100))
        labels = Masking(TOKENIZER).train()(input_ids, mask).label
        assert len(labels.unique(dim=0)) > 1

    def test_validation_masks_depend_on_the_text_alone(self) -> None:
        input_ids, mask = texts()
        masking = Masking(TOKENIZER).eval()
        torch.manual_seed(3)
        together = masking(input_ids, mask)
        torch.manual_seed(4)
        for row in (0, 7, 399):
            length = int(mask[row].sum())
            alone = masking(input_ids[row : row + 1, :length], mask[row : row + 1, :length])
            assert alone.label[0].equal(together.label[row, :length])
            assert alone.input_ids[0].equal(together.input_ids[row, :length])
        assert len((together.label != IGNORE_INDEX).unique(dim=0)) > 390


def test_nothing_of_the_masking_is_saved() -> None:
    assert not Masking(TOKENIZER).state_dict()


@pytest.mark.parametrize("probability", [0, 1, -0.1, 15])
def test_a_probability_outside_0_and_1_is_refused(probability) -> None:
    with pytest.raises(ConfigurationError, match="mlm_probability"):
        Masking(TOKENIZER, probability)
