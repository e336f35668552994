class Overlay:
    """A module as one other module shall see it: with some names replaced."""

    def __init__(self, module, **names) -> None:
        self.__dict__.update(names)
        self._module = module

    def __getattr__(self, name: str):
        return getattr(self._module, name)
