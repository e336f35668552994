"""What every request passes, and what every answer says."""

import logging
import os
from contextlib import closing

import pytest
from allennlp.common.checks import ConfigurationError
from fastapi.testclient import TestClient

from bert_classification.serving.app import make_app
from bert_classification.serving.guard import encode_token, fault
from bert_classification.serving.settings import Settings
from tests.serving.loopback import BODY, HEAD, RECORD, connect, serving


@pytest.mark.parametrize(
    "token, accepted, refused",
    [
        (
            "a secret",
            [b"Bearer a secret", b"bearer a secret", b"BEARER   a secret"],
            [
                *(b"Bearer A SECRET", b"Bearer a", b"Bearera secret", b"a secret", b""),
                *(b"Basic a secret", b"Bearer \xe9\xff"),
            ],
        ),
        ("gehëim", ["Bearer gehëim".encode()], [b"Bearer gehe\xcc\x88im", b"Bearer geheim"]),
        # What the environment holds need not be UTF-8.
        (os.fsdecode(b"\xff\xfe"), [b"Bearer \xff\xfe"], [b"Bearer \xff"]),
    ],
)
def test_token(predictor, token, accepted, refused) -> None:
    with serving(predictor, make_app(predictor, token=token)) as server:
        for given in (*accepted, *refused):
            headers = b"content-length: %d\r\nauthorization: %s\r\n\r\n" % (len(BODY), given)
            with closing(connect(server, HEAD + headers + BODY)) as connection:
                answer = connection.recv(1 << 16)
            status = 200 if given in accepted else 401
            assert answer.startswith(b"HTTP/1.1 %d" % status), given
            assert (b"www-authenticate: Bearer" in answer) == (status == 401)


@pytest.mark.parametrize("token", ["", "  ", " a", "a\n", "a\tb", "a\x7fb"])
def test_a_token_that_no_header_brings_is_refused(token) -> None:
    with pytest.raises(ConfigurationError, match="--token"):
        encode_token(token)


def test_every_answer_has_the_headers(predictor) -> None:
    app = make_app(predictor, token="a", cors_origins=["http://friend"])
    with TestClient(app) as client:
        asked = [
            client.get(path)
            for path in (
                *("/", "/static/app.js", "/static/none.js", "/static", "/about", "/health"),
                *("/ready", "/metrics", "/docs", "/openapi.json", "/none", "/health/"),
            )
        ]
        asked.append(client.post("/predict", json=RECORD))
        client.headers["authorization"] = "Bearer a"
        asked += [client.get("/metrics"), client.get("/predict"), client.delete("/")]
        asked += [client.post("/predict", json=body) for body in (RECORD, {}, [])]
        asked.append(client.post("/predict", content="a", headers={"content-type": "text/plain"}))
        preflight = {"origin": "http://friend", "access-control-request-method": "POST"}
        asked.append(client.options("/predict", headers=preflight))
    for answer in asked:
        assert answer.headers["x-content-type-options"] == "nosniff", answer.url
        assert answer.headers["content-security-policy"], answer.url
        assert answer.headers["referrer-policy"] == "no-referrer", answer.url
    assert {200, 401, 404, 405, 400, 422, 415} <= {answer.status_code for answer in asked}


def test_a_directory_of_others_may_load_what_it_likes(predictor, tmp_path) -> None:
    (tmp_path / "index.html").write_text("<script src='https://elsewhere/'></script>")
    with TestClient(make_app(predictor, static_dir=str(tmp_path))) as client:
        page, none, answer = client.get("/"), client.get("/none"), client.get("/health")
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "default-src" not in page.headers["content-security-policy"]
    assert none.headers["x-content-type-options"] == "nosniff"
    assert "default-src" in answer.headers["content-security-policy"]


def test_a_fault_has_an_id_of_its_own_and_does_not_quote(caplog) -> None:
    def fail(value: str) -> Exception:
        try:
            return [][int(value)]
        except (IndexError, ValueError) as error:
            return error

    with caplog.at_level(logging.ERROR):
        first, same, other = (fault(fail(value)) for value in ("3", "4", "a secret"))
    assert first == same != other
    assert "a secret" not in caplog.text and "ValueError" in caplog.text
    assert first.split()[-1].rstrip(".") in caplog.text


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
@pytest.mark.parametrize("option", ["head_timeout", "max_connections", "timeout"])
def test_settings_are_numbers_above_zero(option, value) -> None:
    with pytest.raises(ConfigurationError, match=f"--{option.replace('_', '-')}"):
        Settings(**{option: value})
