"""The tour as one static page: no script, nothing from the network, dark and light."""

from collections.abc import Sequence
from html import escape

from drivetr.tour.blocks import Block, Formula, Picture, Table, Text
from drivetr.tour.section import PREFACE, TITLE, Section

_STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f26; --soft: #5b6472;
  --line: #d4d9e1; --panel: #f4f6f9; --link: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181e; --ink: #e8ebf0; --soft: #a3acb9;
  --line: #3a414d; --panel: #1e232b; --link: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem 1rem 4rem; max-width: 62rem; background: var(--paper);
  color: var(--ink); font: 1.05rem/1.6 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; }
h2 { font-size: 1.4rem; line-height: 1.25; margin: 0 0 .8rem; }
section { border-top: 1px solid var(--line); padding-top: 1.6rem; margin-top: 2.4rem; }
p, nav, table, .formula, footer { max-width: 46rem; }
a { color: var(--link); }
nav ol { columns: 2; padding-left: 1.4rem; }
@media (max-width: 40rem) { nav ol { columns: 1; } }
figure { margin: 1.2rem 0; }
.wide { overflow-x: auto; }
.wide img { display: block; max-width: 100%; min-width: 38rem; height: auto; }
figcaption, footer, .source { color: var(--soft); font-size: .92rem; }
.formula { background: var(--panel); border-left: 4px solid var(--link); padding: .6rem .9rem;
  margin: 1rem 0; }
.formula code { font-size: 1.05rem; white-space: pre-wrap; }
.source { display: block; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .8rem .3rem 0; text-align: left; }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .95em; }
""".strip()


def html_page(sections: Sequence[Section]) -> str:
    """The whole page; pictures lie beside it."""
    contents = "\n".join(
        f'<li><a href="#{escape(s.record.part)}">{escape(s.title)}</a></li>' for s in sections
    )
    body = "\n".join(_section(number, section) for number, section in enumerate(sections, 1))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'">
<title>{escape(TITLE)}</title>
<style>
{_STYLE}
</style>
</head>
<body>
<h1>{escape(TITLE)}</h1>
<p>{escape(PREFACE)}</p>
<nav><ol>
{contents}
</ol></nav>
{body}
</body>
</html>
"""


def _section(number: int, section: Section) -> str:
    blocks = "\n".join(_block(block) for block in section.blocks)
    return f"""<section id="{escape(section.record.part)}">
<h2>{number}. {escape(section.title)}</h2>
{blocks}
<footer><code>{escape(section.command)}</code><br>{escape(section.cost)};
<a href="data/{escape(section.record.part)}.json">the data of the figures</a></footer>
</section>"""


def _block(block: Block) -> str:
    match block:
        case Text(words):
            return f"<p>{escape(words)}</p>"
        case Formula(formula, source):
            told = f'<span class="source">{escape(source)}</span>'
            return f'<div class="formula"><code>{escape(formula)}</code>{told}</div>'
        case Picture(name, caption):
            return _picture(escape(name), escape(caption))
        case Table(head, rows):
            lines = [_row("th", head), *(_row("td", row) for row in rows)]
            return "<table>" + "\n".join(lines) + "</table>"


def _picture(name: str, caption: str) -> str:
    return f"""<figure><div class="wide"><a href="{name}.png"><picture>
<source srcset="{name}-dark.png" media="(prefers-color-scheme: dark)">
<img src="{name}.png" alt="{caption}" loading="lazy"></picture></a></div>
<figcaption>{caption}</figcaption></figure>"""


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
