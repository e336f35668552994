"""The best spans, against plain loops over all permitted ones."""

import pytest
import torch

from bert_classification.question_answering.spans import best_spans, context_windows
from tests.question_answering.support import CONTEXT, LONG, make_reader


class TestSpans:
    def all_spans(self, starts, ends, windows, offsets, longest) -> list:
        """Gives every span that is permitted, best first, by plain loops."""
        spans = []
        for window, (first, begin, end, own_begin, own_end) in enumerate(windows.tolist()):
            for start in range(own_begin, own_end):
                for stop in range(start, min(end, start + longest)):
                    score = float(starts[window, start] + ends[window, stop])
                    pieces = (start - begin + first, stop - begin + first)
                    spans.append((score, offsets[pieces[0], 0], offsets[pieces[1], 1]))
        return sorted(spans, reverse=True)

    @pytest.mark.parametrize("longest", [1, 4, 100])
    def test_are_the_best_of_all_permitted_ones(self, longest) -> None:
        torch.manual_seed(2)
        windows = [torch.from_numpy(context_windows(pieces, 3, 16, 4)) for pieces in (30, 7)]
        padded = torch.zeros(2, len(windows[0]), 5, dtype=torch.long)
        for row, of_question in enumerate(windows):
            padded[row, : len(of_question)] = of_question
        starts, ends = torch.randn(2, 2, len(windows[0]), 16)
        edges = 3 * torch.arange(30)
        offsets = torch.stack([edges, edges + 2], -1).expand(2, 30, 2)
        found = best_spans(starts, ends, padded, offsets, 12, longest)
        for row, of_question in enumerate(windows):
            expected = self.all_spans(starts[row], ends[row], of_question, offsets[row], longest)
            count = min(12, len(expected))
            got = torch.stack(found[:3], -1)[row, :count]
            assert torch.allclose(got.double(), torch.tensor(expected[:count]).double(), atol=1e-6)
            nulls = (starts + ends)[row, : len(of_question), 0]
            assert torch.allclose(found.null_score[row], nulls.min())
        assert (found.span_scores[1] == -torch.inf).any() == (longest == 1)

    def test_padding_windows_change_nothing(self, model) -> None:
        reader = make_reader(40, doc_stride=12, max_query_length=10)
        short, long = (reader.text_to_instance("What?", text) for text in (CONTEXT, LONG))
        (alone,) = model.forward_on_instances([short])
        beside, _ = model.forward_on_instances([short, long])
        answers = [(each["start"], each["end"]) for each in alone["n_best"]]
        assert [(each["start"], each["end"]) for each in beside["n_best"]] == answers
        assert beside["null_score"] == pytest.approx(alone["null_score"], abs=1e-5)

    def test_answers_are_substrings_with_probabilities(self, model) -> None:
        (output,) = model.forward_on_instances([make_reader().text_to_instance("Who?", CONTEXT)])
        assert CONTEXT[output["start"] : output["end"]] == output["answer"]
        assert len(output["n_best"]) == model.n_best
        assert all(
            CONTEXT[each["start"] : each["end"]] == each["answer"] for each in output["n_best"]
        )
        assert sum(each["score"] for each in output["n_best"]) == pytest.approx(1.0, abs=1e-5)

    def test_an_uncased_answer_keeps_its_accents(self) -> None:
        instance = make_reader().text_to_instance("Where?", CONTEXT)
        end = CONTEXT.index("café\u0301") + len("café\u0301")
        assert end in instance["offsets"].tensor[:, 1]

    @pytest.mark.parametrize("context", ["ok", "\ufffdx", "…"])
    def test_a_tiny_context_has_an_answer(self, model, context) -> None:
        (output,) = model.forward_on_instances([make_reader().text_to_instance("Who?", context)])
        assert output["answer"] and output["answer"] in context
