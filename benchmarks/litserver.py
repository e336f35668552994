"""Serves a checkpoint by litserve: requests that meet run together. `CHECKPOINT PORT`"""

import sys
from typing import Any, Sequence

import litserve
import torch
from transformers import AutoTokenizer, BertForSequenceClassification

BATCH_SIZE, SECONDS = 32, 0.01


class Classifier(litserve.LitAPI):
    def __init__(self, checkpoint: str) -> None:
        super().__init__(max_batch_size=BATCH_SIZE, batch_timeout=SECONDS)
        self._checkpoint = checkpoint

    def setup(self, device: str) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(self._checkpoint)
        self._model = BertForSequenceClassification.from_pretrained(self._checkpoint).eval()

    def decode_request(self, request: dict[str, Any]) -> str:
        return request["text"]

    @torch.inference_mode()
    def predict(self, texts: Sequence[str]) -> Any:
        tensors = self._tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        return self._model(**tensors).logits.softmax(-1).tolist()

    def unbatch(self, output: Any) -> list[Any]:
        return list(output)

    def encode_response(self, output: list[float]) -> dict[str, Any]:
        label = max(range(len(output)), key=output.__getitem__)
        return {"label": self._model.config.id2label[label], "probs": output}


if __name__ == "__main__":
    checkpoint, port = sys.argv[1:]
    server = litserve.LitServer(Classifier(checkpoint), accelerator="cpu", timeout=False)
    server.run(host="127.0.0.1", port=int(port), generate_client_file=False, log_level="error")
