"""Pictures as SVG, in the colours of the page that they stand on."""

import importlib.util
import io
from typing import Any, Callable, Sequence

from allennlp.common.checks import ConfigurationError

from bert_classification.evaluation.page import Picture

INK, SOFT, LINE, ACCENT, WARN, CARD = (
    *("#20252b", "#5b636d", "#dedbd2"),
    *("#0f6b62", "#a1291f", "#ffffff"),
)
SERIES = (ACCENT, WARN, INK, SOFT)


def check_pictures() -> None:
    """Raises `ConfigurationError` when what draws is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigurationError(
            "Pictures are drawn by matplotlib: pip install 'bert-classification[report]'."
        )


def draw(
    name: str,
    title: str,
    plot: Callable[[Any], None],
    size: tuple[float, float] = (5.2, 3.6),
) -> Picture:
    """
    Draws a picture.

    # Parameters

    name, title : `str`
        See `Picture`.
    plot : `Callable[[Axes], None]`
        Draws on matplotlib's axes.
    size : `Tuple[float, float]`, optional
        Width and height, in inches.
    """
    # It takes a second to import.
    import matplotlib
    from cycler import cycler
    from matplotlib.figure import Figure

    settings: Any = {
        **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
        "axes.edgecolor": SOFT,
        "axes.prop_cycle": cycler(color=SERIES),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.facecolor": CARD,
        "axes.facecolor": CARD,
        "legend.facecolor": CARD,
        "legend.edgecolor": LINE,
        "font.size": 9,
        # Text stays text, and the same picture the same file.
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        # A label may have dollars in it.
        "text.parse_math": False,
    }
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        plot(axes)
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return Picture(name, title, written.getvalue())


def curves(name: str, title: str, lines: Sequence[tuple[str, Any, Any]], x: str, y: str) -> Picture:
    """Draws lines, each of a name and its points."""

    def plot(axes: Any) -> None:
        for index, (label, xs, ys) in enumerate(lines):
            style = ("-", "--", ":", "-.")[index // len(SERIES) % 4]
            axes.plot(xs, ys, style, label=label, linewidth=1.5)
        axes.set(xlabel=x, ylabel=y)
        if len(lines) > 1:
            axes.legend(fontsize=8, ncols=1 + len(lines) // 9)

    return draw(name, title, plot)


def bars(
    name: str, title: str, names: Sequence[str], values: Sequence[float], x: str, y: str
) -> Picture:
    """Draws a bar for each name."""

    def plot(axes: Any) -> None:
        axes.bar(range(len(names)), values, color=ACCENT)
        axes.set_xticks(range(len(names)), names, rotation=30 if len(names) > 6 else 0)
        axes.set(xlabel=x, ylabel=y)

    return draw(name, title, plot)
