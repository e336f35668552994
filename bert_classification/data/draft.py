"""A config in the making: its values, and beside each why it was chosen."""

from typing import Any, Callable, Optional

Ask = Callable[[str, Any, str], Any]
"""Gives the value for a path of the config, of the proposed value and the reason."""


class Draft:
    """
    # Parameters

    config : `Dict[str, Any]`
        What to begin with.
    ask : `Ask`, optional
        Asked about every value that is proposed with a reason; by default it is taken.

    # Attributes

    notes : `Dict[str, str]`
        Comments, by the paths of the keys that they stand above.
    suggestions : `Dict[str, Tuple[Any, str]]`
        Keys that stand in the config as comments, with their values and reasons.
    """

    def __init__(self, config: dict[str, Any], ask: Optional[Ask] = None) -> None:
        self.config = config
        self.notes: dict[str, str] = {}
        self.suggestions: dict[str, tuple[Any, str]] = {}
        self._ask = ask

    def get(self, path: str, default: Any = None) -> Any:
        """Finds the value at a path such as `trainer.optimizer.lr`."""
        value: Any = self.config
        for key in path.split("."):
            if not isinstance(value, dict) or key not in value:
                return default
            value = value[key]
        return value

    def set(self, path: str, value: Any, why: str = "") -> Any:
        """Proposes a value, and returns the one that stands there now."""
        if why and self._ask is not None:
            value = self._ask(path, value, why)
        *parents, last = path.split(".")
        section = self.config
        for key in parents:
            section = section.setdefault(key, {})
        section[last] = value
        self.note(path, why)
        return value

    def remove(self, path: str) -> None:
        """Takes a key out, where it is there."""
        parent, _, last = path.rpartition(".")
        section = self.get(parent) if parent else self.config
        if isinstance(section, dict):
            section.pop(last, None)

    def note(self, path: str, why: str) -> None:
        """Puts a comment above a key; an empty one takes it away."""
        if why:
            self.notes[path] = why
        else:
            self.notes.pop(path, None)

    def suggest(self, path: str, value: Any, why: str) -> None:
        """Shows a key as a comment, for the reader of the config to decide."""
        self.suggestions[path] = (value, why)
