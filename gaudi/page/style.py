"""The look of report.html: its style sheet, and the script that reads values out of curves and enlarges pictures."""

STYLE = """
:root { color-scheme: light dark;
  --paper: #fdfdfb; --panel: #ffffff; --ink: #1c1d1f; --soft: #5f646b; --faint: #8d9299;
  --rule: #e3e2dc; --grid: #ecebe6;
  --train: #2f6f9f; --validation: #c2511b; --good: #1f7a4d; --bad: #b3261e; --mark: #fff3d6; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #15171a; --panel: #1b1e22; --ink: #e6e6e3; --soft: #a3a8af; --faint: #7d838b;
  --rule: #2d3136; --grid: #272b30;
  --train: #6fb3e0; --validation: #f0945a; --good: #63c08f; --bad: #ff8a80; --mark: #3a3120; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 14.5px/1.5 system-ui, -apple-system, "Segoe UI",
  Roboto,
  "Helvetica Neue", "Liberation Sans", Arial, sans-serif; font-variant-numeric: tabular-nums lining-nums;
  -webkit-text-size-adjust: 100%; }
main { max-width: 1240px; margin: 0 auto; padding: 30px 28px 60px; }
h1 { font-size: 27px; line-height: 1.2; margin: 0; font-weight: 650; letter-spacing: -.012em; }
h1 small { font: 13px/1 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; color: var(--soft);
  font-weight: 400; margin-left: 10px; letter-spacing: 0; overflow-wrap: anywhere; }
h2 { font-size: 13px; font-weight: 650; letter-spacing: .07em; text-transform: uppercase; color: var(--soft);
  margin: 42px 0 12px; padding-top: 9px; border-top: 1px solid var(--rule); }
h3 { font-size: 15px; font-weight: 650; margin: 22px 0 6px; }
h4, h5 { font-size: 13.5px; font-weight: 600; margin: 14px 0 4px; color: var(--soft); }
p { margin: 6px 0; max-width: 80ch; }
.verdict { font-size: 17px; line-height: 1.45; margin: 12px 0 20px; max-width: 92ch; }
.verdict b { font-weight: 650; } .bad { color: var(--bad); }
.note, .none { color: var(--faint); } .note { font-size: 12.5px; max-width: 120ch; }
code, pre { font: 12.5px/1.55 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
  overflow-wrap: anywhere; }
pre { background: var(--panel); border: 1px solid var(--rule); padding: 10px 14px; margin: 6px 0;
  white-space: pre-wrap; }
.key { display: grid; grid-template-columns: repeat(auto-fit, minmax(128px, 1fr)); margin: 0; overflow: hidden;
  background: var(--panel); border: 1px solid var(--rule); }
.key div { padding: 9px 13px 10px; min-width: 0; margin: 0 -1px -1px 0;
  border: solid var(--rule); border-width: 0 1px 1px 0; }
.key dt { font-size: 11px; letter-spacing: .06em; text-transform: uppercase; color: var(--soft); }
.key dd { margin: 2px 0 0; font-size: 19px; font-weight: 600; line-height: 1.25; overflow-wrap: anywhere;
  letter-spacing: -.01em; }
.key dd small { display: block; font-size: 12px; font-weight: 400; color: var(--soft); line-height: 1.35;
  letter-spacing: 0; }
ul.findings { margin: 16px 0 0; padding: 0 0 0 17px; max-width: 112ch; } ul.findings li { margin: 3px 0; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 372px), 1fr)); gap: 16px 26px; }
.panel { margin: 0; position: relative; min-width: 0; }
.panel figcaption { display: flex; gap: 10px; align-items: baseline; min-height: 22px; font-size: 13.5px; }
.panel:has(> label) figcaption { padding-right: 46px; }
.panel figcaption b { font-weight: 650; white-space: nowrap; }
.panel output { color: var(--soft); font-size: 12.5px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.panel output .train { color: var(--train); } .panel output .validation { color: var(--validation); }
.panel > input { position: absolute; opacity: 0; }
.panel > label { position: absolute; top: 0; right: 4px; font-size: 12px; color: var(--faint); cursor: pointer;
  border-bottom: 1px dotted var(--faint); user-select: none; }
.panel > input:checked + label { color: var(--ink); border-bottom-style: solid; }
.panel > input:focus-visible + label { outline: 2px solid var(--train); }
.panel svg { display: block; width: 100%; height: auto; overflow: visible; touch-action: pan-y; }
.panel svg.log, .panel > input:checked ~ svg.lin { display: none; } .panel > input:checked ~ svg.log { display: block; }
svg text { font: 10.5px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; fill:
  var(--faint); }
svg .grid { stroke: var(--grid); stroke-width: 1; fill: none; }
svg .line { fill: none; stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
svg .line.train { stroke: var(--train); } svg .line.validation { stroke: var(--validation); }
svg .band { opacity: .17; stroke: none; } svg .train.band, svg circle.train, svg text.train { fill: var(--train); }
svg .validation.band, svg circle.validation, svg text.validation { fill: var(--validation); }
svg text.end { font-size: 11.5px; font-weight: 600; } svg text.end tspan { font-weight: 400; font-size: 10.5px; }
svg .best { fill: none; stroke: var(--validation); stroke-width: 1.3; }
svg .broken { stroke: var(--bad); stroke-width: 2; } svg .at path { stroke: var(--faint); stroke-width: .8; }
.film { display: flex; flex-wrap: wrap; gap: 12px; align-items: flex-end; margin: 6px 0 18px; }
.film figure, .judged figure { margin: 0; min-width: 0; max-width: 100%; }
.film img { height: var(--tall); max-width: 100%; object-fit: contain; object-position: left bottom; }
.judged { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr)); gap: 18px 22px;
  align-items: start; }
.judged .broad { grid-column: 1 / -1; }
@media (prefers-color-scheme: dark) { .film img, .judged img { filter: brightness(.9); } }
.film img, .judged img { display: block; background: #fff; outline: 1px solid var(--rule); cursor: zoom-in; }
.judged img { max-width: 100%; height: auto; }
.film figcaption, .judged figcaption { font-size: 12px; color: var(--soft); margin-top: 4px; }
dialog { border: 0; outline: 0; padding: 0; max-width: 96vw; max-height: 96vh; background: #fff; cursor: zoom-out;
  overflow: auto; }
dialog::backdrop { background: rgba(0, 0, 0, .72); } dialog img { display: block; min-width: 50vw; max-width: 96vw; }
.flow { display: flex; flex-wrap: wrap; gap: 4px 56px; align-items: flex-start; } .flow > section { max-width: 100%;
  min-width: 0; }
.wide { overflow-x: auto; margin: 4px 0 14px; }
table { border-collapse: collapse; font-size: 13.5px; }
th { font-size: 12px; font-weight: 500; color: var(--soft); text-align: left; vertical-align: bottom; padding: 4px
  22px 5px 0;
  border-bottom: 1px solid var(--rule); }
td { padding: 4px 22px 5px 0; vertical-align: top; border-bottom: 1px solid var(--grid); max-width: 46ch; }
td:first-child { font-weight: 550; }
th.n, td.n { text-align: right; white-space: nowrap; min-width: 74px; } td.won { font-weight: 700; color: var(--good); }
.way { color: var(--faint); } .spread { color: var(--soft); font-weight: 400; font-size: .88em; white-space: nowrap; }
.scale { display: block; position: relative; height: 5px; margin: 4px 3px 0; border-bottom: 1px solid var(--rule); }
.scale i { position: absolute; bottom: 0; height: 3px; background: currentColor; opacity: .35; min-width: 1px; }
.scale b { position: absolute; bottom: -2px; width: 5px; height: 5px; margin-left: -2.5px; border-radius: 50%;
  background: currentColor; }
dl.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 2px 18px; margin: 4px 0 12px;
  font-size: 13.5px; }
dl.facts dt { color: var(--soft); } dl.facts dd { margin: 0; overflow-wrap: anywhere; max-width: 80ch; }
.spark { vertical-align: middle; } .spark polyline { fill: none; stroke: var(--train); stroke-width: 1.2; }
.blocks { columns: 3 300px; column-gap: 34px; } .blocks section { break-inside: avoid; margin-bottom: 14px; }
.blocks h3 { margin: 0 0 3px; font-size: 13.5px; }
.blocks dl.facts { font-size: 12.5px; gap: 0 14px; margin: 0; line-height: 1.6; }
footer { margin-top: 46px; padding-top: 10px; border-top: 1px solid var(--rule); color: var(--faint);
  font-size: 12.5px; }
@media (max-width: 560px) { main { padding: 18px 14px 40px; } h1 small { display: block; margin: 6px 0 0; } }
@media print { main { max-width: none; padding: 0; } .panel > label { display: none; } h2 { break-after: avoid; }
  .panel, .film figure, tr { break-inside: avoid; } }
"""

SCRIPT = """
for (const figure of document.querySelectorAll('.panel[data-points]')) {
  const views = JSON.parse(figure.dataset.points), output = figure.querySelector('output'), rest = output.innerHTML;
  figure.querySelectorAll('svg').forEach((svg, index) => {
    const view = views[index], mark = svg.querySelector('.at');
    svg.addEventListener('pointermove', event => {
      const box = svg.getBoundingClientRect(), at = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
      if (at < view.left - 8 || at > view.right + 8) return leave();
      let lead = null, shapes = '';
      const picked = view.rows.map(row => {
        let low = 0, high = row.x.length - 1;
        while (high - low > 1) { const middle = (low + high) >> 1; row.x[middle] < at ? low = middle : high = middle; }
        const point = at - row.x[low] < row.x[high] - at ? low : high;
        if (!lead || Math.abs(row.x[point] - at) < Math.abs(lead.row.x[lead.point] - at)) lead = { row, point };
        shapes += `<circle class="${row.role}" cx="${row.x[point]}" cy="${row.y[point]}" r="3"/>`;
        return `<span class="${row.role}">${row.text[point]}</span>`;
      });
      const x = lead.row.x[lead.point];
      mark.innerHTML = `<path d="M${x} 4V${svg.viewBox.baseVal.height - 20}"/>` + shapes;
      const when = ` at epoch ${lead.row.epoch[lead.point]}, step ${lead.row.step[lead.point]}`;
      output.innerHTML = picked.join(' &#183; ') + when;
    });
    const leave = () => { mark.innerHTML = ''; output.innerHTML = rest; };
    svg.addEventListener('pointerleave', leave);
  });
}
const dialog = document.querySelector('dialog');
document.addEventListener('click', event => {
  if (dialog.open) return dialog.close();
  if (event.target.matches('.film img, .judged img')) {
    Object.assign(dialog.firstElementChild, { src: event.target.src, alt: event.target.alt });
    dialog.showModal();
  }
});
"""
