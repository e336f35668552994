"""The page's files, over loopback."""

from typing import Any, cast

import httpx
import pytest
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.predictors import Predictor


class TestFiles:
    @pytest.fixture
    def url(self, archives, serve) -> str:
        return serve(archives["classification"])

    @pytest.mark.parametrize(
        "path, kind",
        {
            "/": "text/html",
            "/static/style.css": "text/css",
            "/static/app.js": "text/javascript",
            "/static/tasks/classification.js": "text/javascript",
            "/static/icon.svg": "image/svg+xml",
        }.items(),
    )
    def test_carry_a_strict_policy(self, url, path, kind) -> None:
        answer = httpx.get(url + path)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(kind)
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")

    def test_lie_in_their_directory(self, url) -> None:
        for path in ("/static/..%2fpages.py", "/static/%2e%2e/pages.py", "/static/", "/pages.py"):
            assert httpx.get(url + path).status_code == 404

    def test_a_directory_of_ones_own(self, archives, serve, tmp_path) -> None:
        (tmp_path / "index.html").write_text("<h1>Ours</h1>")
        (tmp_path / "more.txt").write_text("more")
        url = serve(archives["classification"], title="Our model", static_dir=str(tmp_path))
        assert httpx.get(url).text == "<h1>Ours</h1>"
        assert httpx.get(f"{url}/more.txt").text == "more"
        assert httpx.get(f"{url}/about").json()["title"] == "Our model"


class OfAnotherPackage(Predictor):
    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        return cast(Any, self._dataset_reader).text_to_instance(json_dict["sentence"])


def test_a_predictor_of_another_package(archives, serve) -> None:
    ours = archives["classification"]
    url = serve(OfAnotherPackage(ours._model, ours._dataset_reader), field_names=["sentence"])
    about = httpx.get(f"{url}/about").json()
    assert (about["task"], about["fields"]) == (None, ["sentence"])
    answer = httpx.post(f"{url}/predict", json={"sentence": "The soup was cold."}).json()
    assert answer["label"] == ours.predict_json({"text": "The soup was cold."})["label"]
    assert httpx.post(f"{url}/saliency", json={}).status_code == 404
