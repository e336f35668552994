"""
`allennlp predict` for our predictors: an output line for each line that is not blank, whatever
stands in it.

AllenNLP's command dies at the first bad line, writes in the encoding of the locale and keeps output
back. `PredictManager` takes the place of its class that walks over the lines, for our predictors only.
"""

import logging
import sys
from typing import Any, Iterator, TextIO, Union

from allennlp.commands import predict
from allennlp.common.tqdm import Tqdm
from allennlp.common.util import lazy_groups_of

from bert_classification.data.files import open_text
from bert_classification.data.outcomes import replace_successes, successes
from bert_classification.data.records import RecordError, parse_json_line
from bert_classification.predictor import BertPredictor

logger = logging.getLogger(__name__)

Line = tuple[int, str]


class PredictManager(predict._PredictManager):
    """
    Reads numbered lines, predicts them in batches, writes UTF-8 as it goes, and counts the errors.
    """

    def __init__(self, predictor, input_file: str, output_file, *args, **kwargs) -> None:
        super().__init__(predictor, input_file, None, *args, **kwargs)
        self._output_path = output_file

    def run(self) -> None:
        self._output_file = self._open_output()
        try:
            if isinstance(self._predictor, BertPredictor) and self._dataset_reader is None:
                self._predict_lines(self._predictor)
            else:
                super().run()
        finally:
            if self._output_file is not None:
                self._output_file.close()

    def _open_output(self) -> Any:
        return open(self._output_path, "w", encoding="utf-8") if self._output_path else None

    def _predict_lines(self, predictor: BertPredictor) -> None:
        count, errors = 0, 0
        for lines in lazy_groups_of(Tqdm.tqdm(self._lines(), desc="predicting"), self._batch_size):
            for (number, line), output in zip(lines, predict_lines(predictor, lines)):
                count += 1
                errors += "error" in output
                self._maybe_print_to_console_and_file(
                    number, predictor.dump_line(output), line.strip()
                )
            if self._output_file is not None:
                self._output_file.flush()
        logger.info("%d records: %d predicted, %d with an error", count, count - errors, errors)
        if errors:
            logger.warning(
                "%d of %d records could not be predicted; see `error` in their output.",
                errors,
                count,
            )
        predictor._dataset_reader.report_truncation(self._input_file)

    def _lines(self) -> Iterator[Line]:
        if self._input_file == "-":
            yield from _not_blank(sys.stdin)
        else:
            with open_text(self._input_file) as lines:
                yield from _not_blank(lines)


def _not_blank(lines: TextIO) -> Iterator[Line]:
    return ((number, line) for number, line in enumerate(lines, 1) if not line.isspace())


def predict_lines(predictor: BertPredictor, lines: list[Line]) -> list[dict]:
    """Predicts each line of JSON; an error has the line's number beside it."""
    records = [_parse(line) for _, line in lines]
    predicted = predictor.predict_batch_json(successes(records))
    outputs = [
        {"error": str(each)} if isinstance(each, RecordError) else each
        for each in replace_successes(records, predicted)
    ]
    return [
        {**output, "line": number} if "error" in output else output
        for (number, _), output in zip(lines, outputs)
    ]


def _parse(line: str) -> Union[dict[str, Any], RecordError]:
    try:
        return parse_json_line(line, "the line")
    except RecordError as error:
        return error
