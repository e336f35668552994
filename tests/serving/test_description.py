"""The server's description."""

from bert_classification.serving.description import describe, render


def test_the_description_has_schemas_and_the_example(predictor) -> None:
    predictor.example = {"text": "Lovely <food>", "text_pair": "And the soup?"}
    one, several = describe(predictor, predictor.predict_json(predictor.example))
    request = one["requestBody"]["content"]["application/json"]
    assert request["example"] == predictor.example and request["schema"]["required"] == ["text"]
    answer = one["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer["properties"]["label"] == {"type": "string"}
    assert several["requestBody"]["content"]["application/json"]["schema"]["type"] == "array"
    page = render({"info": {"title": "T"}, "paths": {"/predict": {"post": one}}}, "http://x/")
    assert "Lovely &lt;food&gt;" in page
