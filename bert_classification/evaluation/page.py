"""
One HTML file that loads nothing else, in the look of the served pages: sections of paragraphs,
tables, pictures and texts.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple, Optional, Sequence, Union

from allennlp.common.util import JsonDict
from jinja2 import Environment
from markupsafe import Markup

from bert_classification.archives.whole_files import replace_file

STYLE_SHEET = Path(__file__).parents[1] / "serving" / "static" / "style.css"
MAX_CHARACTERS = 1000
"""Of one text on a page."""


class Cell(NamedTuple):
    """
    A cell of a table that is more than its text.

    href : `str`, optional
        Where it leads: `#` and the `anchor` of a `Texts`.
    share : `float`, optional
        How dark it is, from 0 to 1.
    title : `str`, optional
        What a pointer over it says.
    """

    text: str
    href: Optional[str] = None
    share: float = 0.0
    title: str = ""


class Table(NamedTuple):
    """
    Rows under a header; the first cell of a row is its heading. Numbers are rounded to three
    places.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""


class Picture(NamedTuple):
    """
    name : `str`
        Of its file, without `.svg`.
    title : `str`
        What is to be seen, also for those who do not see it.
    svg : `str`
        See `pictures.draw`.
    """

    name: str
    title: str
    svg: str

    @property
    def inline(self) -> Markup:
        """Gives the picture for a page, whose colours it takes."""
        svg = self.svg[self.svg.index("<svg") :]
        for colour, variable in SCHEME.items():
            svg = svg.replace(colour, f"var(--{variable})")
        svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
        # A page has many pictures, and an id once.
        svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{self.name}-", svg)
        return Markup(svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))


class Text(NamedTuple):
    """
    A record on a page.

    heading : `str`
    lines : `Sequence[tuple[str, str]]`
        What each text is, and the text; `marked` makes one with marks.
    place : `str`, optional
        The file and line it comes from.
    """

    heading: str
    lines: Sequence[tuple[str, Union[str, Markup]]]
    place: str = ""


class Texts(NamedTuple):
    """Records one below the other. With `anchor` they are shown when a cell leads to them."""

    caption: str
    items: Sequence[Text]
    anchor: str = ""
    note: str = ""


class Paragraph(NamedTuple):
    text: str


Part = Union[Table, Picture, Texts, Paragraph]


class Section(NamedTuple):
    heading: str
    parts: Sequence[Part]


SCHEME = {
    "#20252b": "ink",
    "#5b636d": "soft",
    "#dedbd2": "line",
    "#0f6b62": "accent",
    "#a1291f": "warn",
    "#ffffff": "card",
}
"""The colours that pictures are drawn in, by their names in the style sheet."""


def marked(text: str, spans: Sequence[tuple[int, int, str, str]]) -> Markup:
    """
    Marks spans of a text that do not overlap: start, end, `good`, `bad` or `gold` for the colour,
    and a word about each.
    """
    parts, done = [], 0
    for start, end, colour, word in sorted(spans):
        if start < done:
            continue
        parts.append(
            Markup("{}<mark class={}>{}<small> {}</small></mark>").format(
                text[done:start], colour, text[start:end], word
            )
        )
        done = end
    return Markup("").join([*parts, Markup("{}").format(text[done:])])


def shaded(text: str, words: Sequence[JsonDict]) -> Markup:
    """Shades the words of a text by how much they speak for the answer, or against it."""
    most = max((abs(word["score"]) for word in words), default=0.0) or 1.0
    parts, done = [], 0
    for word in sorted(words, key=lambda each: each["start"]):
        side = "for" if word["score"] >= 0 else "against"
        parts.append(
            Markup('{}<span class={} style="--share: {:.3f}" title="{:.3g}">{}</span>').format(
                text[done : word["start"]],
                side,
                abs(word["score"]) / most,
                word["score"],
                text[word["start"] : word["end"]],
            )
        )
        done = word["end"]
    return Markup("").join([*parts, text[done:]])


def write_page(
    path: Union[str, Path], title: str, subtitle: str, sections: Sequence[Section]
) -> None:
    """Writes a page; the file is there when it is whole."""
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_PAGE)
    style = Markup(STYLE_SHEET.read_text(encoding="utf-8") + _STYLE)
    page = template.render(
        title=title,
        subtitle=subtitle,
        sections=sections,
        style=style,
        kind=lambda part: type(part).__name__,
        show=show,
        cut=_cut,
    )
    with replace_file(path) as aside:
        aside.write_text(page, encoding="utf-8", errors="backslashreplace")


def show(value: Any) -> str:
    """Words a value for people."""
    if isinstance(value, float):
        if value != value:
            return ""
        return f"{value:.3f}" if abs(value) < 1000 else f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)


def _cut(text: Any) -> Any:
    if isinstance(text, Markup) or len(str(text)) <= MAX_CHARACTERS:
        return text
    return f"{str(text)[:MAX_CHARACTERS]} ..."


_STYLE = """
body { overflow-wrap: anywhere; }
main { display: block; }
main > section { margin-top: 3rem; scroll-margin-top: 1rem; }
main > section > h2 { font-size: 1.25rem; color: var(--ink); margin-bottom: 0.4rem; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: 0.3rem 1.2rem; margin-top: 1rem; }
a { color: var(--accent); } td a { color: inherit; }
.parts { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start; }
.parts > * { max-width: 100%; }
.parts > p, .parts > .texts { flex-basis: 100%; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 0.8rem; }
figure svg { max-width: 100%; height: auto; display: block; }
figcaption, caption { font-size: 0.9rem; font-weight: 600; text-align: left; padding-bottom: 0.4rem; }
.scroll { overflow-x: auto; max-height: 44rem; }
.table { max-width: 100%; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
td { background: rgb(var(--shade) / calc(var(--share, 0) * 0.35)); }
th:first-child { text-align: left; }
td.words { text-align: left; white-space: normal; min-width: 12rem; }
thead th { position: sticky; top: 0; background: var(--paper); vertical-align: bottom; }
.items > article { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 0.8rem 1rem; margin-top: 0.8rem; }
.items { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 28rem), 1fr)); gap: 0 0.8rem; }
.texts article { min-width: 0; }
.texts h4 { margin: 0; font-size: 0.95rem; }
.texts article p { font-family: var(--serif); white-space: pre-wrap; margin-top: 0.4rem; }
.texts article p b { font: 600 0.8rem var(--sans); color: var(--soft); }
.texts .place { font: 0.8rem var(--sans); color: var(--soft); }
.led { display: none; } .led:target { display: block; }
mark { color: inherit; background: none; border-bottom: 3px solid; border-radius: 2px; }
mark.good { border-color: var(--accent); } mark.bad { border-color: var(--warn); }
.for, .against { border-radius: 3px; border-bottom: 2px solid transparent; }
.for { background: rgb(var(--shade) / calc(var(--share) * 0.5)); border-color: var(--accent); }
.against { background: color-mix(in srgb, var(--warn) calc(var(--share) * 40%), transparent); border-color: var(--warn); }
mark.gold { border-color: var(--edge); border-bottom-style: dashed; }
"""  # noqa: E501

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{{ title }}</title><link rel="icon" href="data:,"><style>{{ style }}</style></head>
<body><header><h1>{{ title }}</h1><p class="soft">{{ subtitle }}</p>
<nav aria-label="Sections"><ul>
{% for section in sections %}<li><a href="#s{{ loop.index }}">{{ section.heading }}</a></li>
{% endfor %}</ul></nav></header><main>
{% for section in sections %}
<section id="s{{ loop.index }}" aria-labelledby="h{{ loop.index }}">
<h2 id="h{{ loop.index }}">{{ section.heading }}</h2><div class="parts">
{% for part in section.parts %}
{% if kind(part) == "Paragraph" %}<p class="soft">{{ part.text }}</p>
{% elif kind(part) == "Picture" %}<figure role="img" aria-label="{{ part.title }}">
<figcaption aria-hidden="true">{{ part.title }}</figcaption>{{ part.inline }}</figure>
{% elif kind(part) == "Table" %}<div class="table">
<div class="scroll" tabindex="0" role="region" aria-label="{{ part.caption }}, table"><table>
<caption>{{ part.caption }}</caption><thead><tr>
{% for name in part.header %}<th scope="col">{{ name }}</th>{% endfor %}</tr></thead><tbody>
{% for row in part.rows %}<tr>{% for cell in row %}
{% if loop.first %}<th scope="row">{{ show(cell) }}</th>
{% elif cell.share is defined %}<td style="--share: {{ '%.3f' % cell.share }}"
{%- if cell.title %} title="{{ cell.title }}"{% endif %}>
{%- if cell.href %}<a href="{{ cell.href }}">{{ cell.text }}</a>{% else %}{{ cell.text }}{% endif %}</td>
{% else %}<td{% if cell is string and cell|length > 30 %} class="words"{% endif %}>{{ show(cell) }}</td>
{% endif %}{% endfor %}</tr>
{% endfor %}</tbody></table></div>{% if part.note %}<p class="soft">{{ part.note }}</p>{% endif %}</div>
{% else %}<div class="texts{% if part.anchor %} led{% endif %}"
{%- if part.anchor %} id="{{ part.anchor }}"{% endif %}><h3>{{ part.caption }}</h3>
{% if part.note %}<p class="soft">{{ part.note }}</p>{% endif %}
<div class="items">{% for item in part["items"] %}<article><h4>{{ item.heading }}</h4>
{% for name, text in item.lines %}<p>{% if name %}<b>{{ name }}</b> {% endif %}{{ cut(text) }}</p>
{% endfor %}{% if item.place %}<div class="place">{{ item.place }}</div>{% endif %}</article>
{% endfor %}</div></div>
{% endif %}
{% endfor %}</div></section>
{% endfor %}</main></body></html>
"""  # noqa: E501
