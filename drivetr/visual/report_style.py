"""How a report looks: one column of cards, dark and light, from a phone to a wide screen."""

STYLE = (
    """
:root { color-scheme: light dark; --paper: #f4f5f8; --card: #ffffff; --ink: #1b1f26;
  --soft: #5b6472; --line: #dde1e8; --track: #eceff4; --a: #0072b2; --b: #d55e00;
  --faint: #b9c1cd; --good: #00774f; --bad: #b8320a; --wrong: 213, 94, 0; --right: 0, 114, 178; }
@media (prefers-color-scheme: dark) { :root { --paper: #0f1115; --card: #181b21; --ink: #e8ebf0;
  --soft: #a3acb9; --line: #2c313b; --track: #242932; --a: #56b4e9; --b: #f08a3c;
  --faint: #4a5260; --good: #2fc79b; --bad: #ff8a65; --wrong: 240, 138, 60;
  --right: 86, 180, 233; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main, header, nav { max-width: 1320px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 22px; }
h1 { font-size: 1.65rem; line-height: 1.2; margin: 0 0 8px; }
h2 { font-size: 1.2rem; margin: 0 0 10px; }
h3 { font-size: 1.02rem; margin: 0 0 8px; }
p { margin: 0 0 12px; max-width: 78ch; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 2px 14px; margin: 0;
  color: var(--soft); font-size: .93rem; }
dd { margin: 0; overflow-wrap: anywhere; color: var(--ink); }
nav { position: sticky; top: 0; z-index: 1; background: var(--paper); margin-top: 12px;
  border-bottom: 1px solid var(--line); display: flex; gap: 18px; overflow-x: auto;
  padding-top: 9px; padding-bottom: 9px; white-space: nowrap; }
a { color: var(--a); text-decoration: none; }
a:hover { text-decoration: underline; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 16px 18px; margin: 16px 0; scroll-margin-top: 52px; min-width: 0; }
.pair { display: grid; gap: 16px; grid-template-columns: minmax(0, 1fr); }
@media (min-width: 1100px) { .pair { grid-template-columns: minmax(0, 340px) minmax(0, 1fr); } }
.pair th, .pair td { padding: 4px 7px; }
.note { color: var(--soft); font-size: .9rem; }
.figures { display: grid; gap: 10px; margin-bottom: 14px;
  grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)); }
.figure { border: 1px solid var(--line); border-radius: 6px; padding: 7px 11px; min-width: 0; }
.figure b { display: block; font-size: 1.35rem; line-height: 1.25; font-weight: 600; }
.figure span { color: var(--soft); font-size: .84rem; display: block; overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin-bottom: 12px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: 4px 9px; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; white-space: normal; }
th.words { text-align: left; }
th button { all: unset; cursor: pointer; text-decoration: underline dotted var(--faint);
  text-underline-offset: 3px; }
th button:hover { text-decoration: underline; }
th button:focus-visible { outline: 2px solid var(--a); outline-offset: 2px; }
th[aria-sort] { color: var(--ink); }
th[aria-sort="ascending"] button::after { content: " ▲"; }
th[aria-sort="descending"] button::after { content: " ▼"; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0;
  background: var(--card); }
td:first-child { white-space: normal; min-width: 8.5em; }
td.words, td.long { text-align: left; }
td.long { white-space: normal; min-width: 20em; }
td.good { color: var(--good); } td.bad { color: var(--bad); }
.heat td { text-align: center; padding: 4px 7px; min-width: 46px; }
.heat th { font-size: .82rem; }
.heat td:first-child { text-align: left; white-space: nowrap; }
.heat thead th:not(:first-child) { writing-mode: vertical-rl; text-align: left; padding: 6px 7px;
  transform: rotate(180deg); vertical-align: top; }
.charts { display: grid; gap: 12px 18px; margin-bottom: 10px;
  grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); }
.charts.bars { grid-template-columns: minmax(0, 460px); }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--soft); font-size: 11px; }
svg text.title { fill: var(--ink); font-size: 12.5px; font-weight: 600; }
svg .end { text-anchor: end; } svg .mid { text-anchor: middle; }
svg .grid { stroke: var(--line); fill: none; } svg .track { fill: var(--track); }
svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .line.s0 { stroke: var(--a); } svg .line.s1 { stroke: var(--b); stroke-dasharray: 5 2.5; }
svg .line.s2 { stroke: var(--faint); stroke-width: 1.2; }
svg .bar.s0, svg .dot.s0 { fill: var(--a); } svg .bar.s1, svg .dot.s1 { fill: var(--b); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; color: var(--soft); font-size: .88rem;
  margin: 0 0 10px; padding: 0; list-style: none; }
.legend li { overflow-wrap: anywhere; }
.legend i { display: inline-block; width: 22px; height: 0; border-top: 3px solid var(--faint);
  margin-right: 6px; vertical-align: middle; }
.legend i.s0 { border-color: var(--a); }
.legend i.s1 { border-color: var(--b); border-top-style: dashed; }
.gallery { display: grid; gap: 16px; margin-bottom: 6px;
  grid-template-columns: repeat(auto-fill, minmax(min(370px, 100%), 1fr)); }
.gallery figure { margin: 0; min-width: 0; }
.gallery img, .blank { display: block; width: 100%; height: auto; border-radius: 5px; }
.blank { padding: 22% 0; text-align: center; background: var(--track); color: var(--soft); }
figcaption { font-size: .88rem; color: var(--soft); padding-top: 5px; overflow-wrap: anywhere; }
figcaption b { color: var(--ink); display: block; }
code { font: .84rem/1.4 ui-monospace, "DejaVu Sans Mono", monospace; background: var(--track);
  padding: 2px 5px; border-radius: 4px; overflow-wrap: anywhere; }
figcaption code { display: block; margin-top: 4px; }
summary { cursor: pointer; }
@media (max-width: 600px) { main, header, nav { padding-left: 12px; padding-right: 12px; }
  section { padding: 13px 12px; } h1 { font-size: 1.35rem; } th, td { padding: 4px 7px; } }
""".strip()
    + "".join(
        f"\n.heat td.{kind}{step} {{ background: rgba(var(--{name}), {step / 10:.1f}); }}"
        for kind, name in (("w", "wrong"), ("r", "right"))
        for step in range(1, 8)
    )
)
