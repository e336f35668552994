import json
import math
from typing import Any

from fastapi.responses import JSONResponse


class StrictJSONResponse(JSONResponse):
    """
    Strictly valid JSON, whatever a model or a client brings: a number that is not finite becomes
    null, and half a surrogate pair stays the escape it was.
    """

    def render(self, content: Any) -> bytes:
        try:
            text = _dump(content)
        except ValueError:
            text = _dump(_finite(content))
        try:
            return text.encode()
        except UnicodeEncodeError:
            return json.dumps(json.loads(text)).encode()


def _dump(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
