"""How the status page looks, the one script it has, and the headers it must be sent with."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --quiet: #59636e; --line: #d1d9e0; --page: #f5f7f9; --card: #fff;
  --alarm: #b3400a; --alarm-page: #fdf1ea; --calm: #1a6e3c; --calm-page: #ebf6ef; --now: #0072b2; --then: #59636e;
  --rail: #e4e9ee; --hint: #1f232814; --p0: #0072b2; --p1: #e69f00; --p2: #009e73; --p3: #cc79a7; --p4: #56b4e9;
  --p5: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --quiet: #9da7b3; --line: #343b44; --page: #0e1013;
  --card: #181b20; --alarm: #ff9a62; --alarm-page: #2b1b12; --calm: #6fcf97; --calm-page: #12231a; --now: #56b4e9;
  --then: #9da7b3; --rail: #2a3038; --hint: #ffffff1c; --p0: #56b4e9; --p1: #e69f00; --p2: #009e73; --p3: #cc79a7;
  --p4: #2f7fb5; --p5: #d55e00; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 0; }
main, header, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: baseline; padding-top: 1.25rem; }
h1 { font-size: 1.35rem; margin: 0; flex: 1 1 auto; overflow-wrap: anywhere; letter-spacing: -.01em; }
h1 .quiet { font-weight: 400; font-size: 1rem; }
h2 { font-size: 1.05rem; margin: 0 0 .75rem; } h3 { font-size: .95rem; margin: 0 0 .4rem; }
.quiet { color: var(--quiet); font-size: .875rem; } p { margin: .25rem 0; }
.number { font-variant-numeric: tabular-nums; }
a { color: var(--now); } nav { display: inline-flex; border: 1px solid var(--line); border-radius: 8px;
  overflow: hidden;
  background: var(--card); }
nav a { padding: .2rem .7rem; text-decoration: none; color: var(--ink); font-size: .875rem; min-height: 1.75rem; }
nav a + a { border-left: 1px solid var(--line); } nav a[aria-current] { background: var(--ink); color: var(--card); }
nav a:focus-visible { outline-offset: -3px; }
label { font-size: .875rem; color: var(--quiet); display: inline-flex; gap: .4rem; align-items: center;
  min-height: 1.75rem; } label[hidden] { display: none; }
.verdict { border-radius: 10px; padding: .8rem 1.1rem; margin: 1rem 0; border: 1px solid var(--line);
  border-left: 6px solid var(--quiet); background: var(--card); }
.verdict h2 { font-size: 1.15rem; margin: 0; }
.verdict.alarm { border-color: var(--alarm); background: var(--alarm-page); }
.verdict.calm { border-color: var(--calm); background: var(--calm-page); }
.verdict.alarm h2, .alarm-text { color: var(--alarm); } .verdict.calm h2, .calm-text { color: var(--calm); }
.verdict ul { margin: .3rem 0 0; padding-left: 1.2rem; }
.cards { display: grid; gap: 1rem; margin: 1rem 0; grid-template-columns: repeat(12, minmax(0, 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.1rem;
  min-width: 0;
  grid-column: span 12; }
.quarter { grid-column: span 3; } .half { grid-column: span 6; } .third { grid-column: span 4; }
.most { grid-column: span 8; }
@media (max-width: 62rem) { .quarter, .third, .most { grid-column: span 6; } .half { grid-column: span 12; } }
@media (max-width: 40rem) { .quarter, .third, .most { grid-column: span 12; }
main, header, footer { padding: 0 .75rem; }
  header { padding-top: .75rem; } .card { padding: .8rem .85rem; } }
.big { font-size: 1.6rem; line-height: 1.2; font-weight: 600; letter-spacing: -.02em;
  font-variant-numeric: tabular-nums; }
.plot { margin-top: .6rem; } .plot svg { display: block; width: 100%; height: 5.5rem;
  border-bottom: 1px solid var(--line);
  border-top: 1px dashed var(--line); overflow: visible; }
.plot.tall svg { height: 7.5rem; }
.scale { display: flex; justify-content: space-between; gap: .5rem; color: var(--quiet); font-size: .78rem;
  font-variant-numeric: tabular-nums; }
svg .line { fill: none; stroke: var(--now); stroke-width: 1.8; vector-effect: non-scaling-stroke;
  stroke-linejoin: round; stroke-linecap: round; } svg .area { fill: var(--now); fill-opacity: .13; stroke: none; }
svg .second.line { stroke: var(--p1); } svg .then.line { stroke: var(--then); stroke-width: 1.5;
  stroke-dasharray: 4 3; }
svg .point.line { stroke-width: 7; }
svg .bar { fill: var(--now); } svg .bad.bar { fill: var(--alarm); }
svg .live.bar { fill: var(--now); fill-opacity: .55; } svg .then.outline { stroke-dasharray: none; }
svg .hint { fill: transparent; } svg .hint:hover { fill: var(--hint); }
svg .part0 { fill: var(--p0); } svg .part1 { fill: var(--p1); } svg .part2 { fill: var(--p2); }
svg .part3 { fill: var(--p3); }
svg .part4 { fill: var(--p4); } svg .part5 { fill: var(--p5); } svg .part6 { fill: var(--then); fill-opacity: .5; }
.key { display: flex; flex-wrap: wrap; gap: .1rem .9rem; font-size: .82rem; color: var(--quiet); margin-top: .35rem; }
.key > span { overflow-wrap: anywhere; } .key svg { width: .75rem; height: .75rem; margin-right: .35rem;
  vertical-align: -1px; }
svg.strip { display: block; width: 100%; height: 1.5rem; border-radius: 3px; border: 1px solid var(--rail); }
svg .known { fill: var(--rail); }
svg .changed { fill: var(--now); } svg .alarmed { fill: var(--alarm); } svg .mark { fill: var(--alarm); }
svg .level1 { fill-opacity: .18; } svg .level2 { fill-opacity: .35; } svg .level3 { fill-opacity: .55; }
svg .level4 { fill-opacity: .78; } svg .level5 { fill-opacity: 1; }
svg.interval { display: block; width: 100%; min-width: 7rem; height: 1.1rem; overflow: visible; }
svg .rail { stroke: var(--rail); stroke-width: 3; vector-effect: non-scaling-stroke; }
svg .between { fill: var(--now); fill-opacity: .35; } .open svg .between { fill: var(--alarm); }
svg .dot { stroke: var(--now); stroke-width: 9; stroke-linecap: round; vector-effect: non-scaling-stroke; }
.open svg .dot { stroke: var(--alarm); }
svg .tick { stroke: var(--then); stroke-width: 2; vector-effect: non-scaling-stroke; }
svg .limit.tick { stroke: var(--alarm); stroke-dasharray: 3 2; }
svg.meter { display: block; width: 100%; height: .6rem; border-radius: 4px; background: var(--rail); }
svg .fill { fill: var(--now); } svg .fill.over { fill: var(--alarm); } svg .then.fill { fill: var(--then); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; overflow-wrap: anywhere; } thead th { color: var(--quiet); font-size: .82rem;
  vertical-align: bottom; } tbody th { font-weight: 500; }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
tr > :last-child { padding-right: 0; } tbody tr:last-child > * { border-bottom: 0; }
td.number, th.number { text-align: right; white-space: nowrap; }
.drift { table-layout: fixed; } .drift tbody th { width: 26%; } .drift thead th:first-child { width: 26%; }
.drift thead .time { width: 40%; } .drift .number { white-space: normal; }
.drift td.wider { overflow-wrap: anywhere; }
.drift .state { width: 4rem; }
.drift thead .time { padding-right: .9rem; }
@media (max-width: 40rem) { .wider { display: none; } th, td { padding-right: .6rem; }
  .drift, .shares, .past, :is(.drift, .shares) :is(thead, tbody), .past tbody { display: block; }
  .past thead { display: none; }
  :is(.drift, .shares) tr { display: grid; grid-template-columns: minmax(0, 1fr) 4.5rem 5rem; align-items: center;
    border-bottom: 1px solid var(--line); }
  :is(.drift, .shares) tbody tr:last-child { border: 0; }
  :is(.drift, .shares) thead tr { align-items: end; } :is(.drift, .shares) :is(th, td) { border: 0; }
  :is(.drift, .shares) :is(thead, tbody) th:first-child { width: auto; grid-column: 1 / -1; padding-bottom: 0; }
  .drift thead .time, .drift .state { width: auto; } .drift .state { text-align: right; }
  .past :is(tr, th, td) { display: block; border: 0; padding: 0; } .past tr + tr { margin-top: .7rem; }
  .past .when::before { content: attr(data-head) ' '; color: var(--quiet); } }
.alarms { list-style: none; padding: 0; margin: 0; } .alarms li { padding: .6rem 0; border-top: 1px solid var(--line);
  display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: .25rem 2rem; align-items: center; }
@media (max-width: 40rem) { .alarms li { grid-template-columns: minmax(0, 1fr); } }
.advice { margin-top: .9rem; }
.alarms li:first-child { border-top: 0; padding-top: 0; }

.alarms h3 { overflow-wrap: anywhere; } .tag { display: inline-block;
  font-size: .78rem; font-weight: 500; border: 1px solid var(--line);
  border-radius: 99px; padding: .05rem .55rem; color: var(--quiet); white-space: nowrap; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) minmax(0, 1fr); gap: .3rem 1rem; margin: 0; }
dt { color: var(--quiet); font-size: .875rem; } dd { margin: 0; overflow-wrap: anywhere; }
code { font-size: .85em; overflow-wrap: anywhere; } details { margin-top: .6rem; }
summary { cursor: pointer; color: var(--quiet); font-size: .875rem; min-height: 1.75rem; }
.past td.when { white-space: nowrap; }
a:focus-visible, summary:focus-visible, input:focus-visible {
  outline: 2px solid var(--now); outline-offset: 2px; border-radius: 3px; }
ul.plain { list-style: none; margin: 0; padding: 0; } ul.plain li { margin: .2rem 0; }
footer { padding-top: .5rem; padding-bottom: 2rem; } footer a { margin-right: 1rem; }
"""

# Without it the page is whole, and as old as it is. With it the page follows the service; what was opened stays open.
SCRIPT = """
(() => {
  const box = document.getElementById('follow'), news = document.getElementById('news'), every = 10000;
  box.parentElement.hidden = false;
  const say = text => { if (news.textContent !== text) news.textContent = text; };
  const find = page => page.getElementById('verdict').textContent.trim();
  const show = next => {
    if (find(next) !== find(document)) say(find(next));
    else if (news.dataset.lost) say('');
    delete news.dataset.lost;
    const open = [...document.querySelectorAll('details[open]')].map(each => each.id);
    const focused = document.activeElement && document.activeElement.closest('main [id]');
    document.querySelector('main').replaceWith(document.adoptNode(next.querySelector('main')));
    for (const id of open) { const each = document.getElementById(id); if (each) each.open = true; }
    const again = focused && document.getElementById(focused.id);
    if (again) (again.querySelector('summary') || again).focus({preventScroll: true});
    document.title = next.title;
    document.querySelector('link[rel=icon]').href = next.querySelector('link[rel=icon]').href;
  };
  const look = async () => {
    if (!box.checked || document.hidden) return;
    try {
      const answer = await fetch(location.href, {cache: 'no-store', signal: AbortSignal.timeout(every)});
      if (!answer.ok) throw new Error(answer.status);
      show(new DOMParser().parseFromString(await answer.text(), 'text/html'));
    } catch {
      news.dataset.lost = 1;
      say('The service does not answer: what is shown is old.');
    }
  };
  setInterval(look, every);
})();
"""


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


# Only this style and this script may act, only this service may be asked, nobody may frame the page.
SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_hash(STYLE)}'; script-src 'sha256-{_hash(SCRIPT)}'; "
    "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
