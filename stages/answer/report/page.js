"use strict";
// Tables sort by the buttons in their heads. Without scripts they are just tables.
const numeric = /^[<\[]?\s*[+-]?\d+(\.\d+)?(e[+-]?\d+)?\b/;
const textOf = cell => cell.dataset.value || cell.textContent.trim().replaceAll("−", "-");

function sortBy(table, column, down) {
  const rows = [...table.tBodies[0].rows];
  const texts = new Map(rows.map(r => [r, r.cells[column] ? textOf(r.cells[column]) : ""]));
  const hash = /^(sha256:)?[0-9a-f]{12}/, date = /^\d{4}-\d\d-\d\d/;
  const numbers = [...texts.values()].every(t => !t || numeric.test(t) && !hash.test(t) && !date.test(t));
  const value = t => parseFloat(t.replace(/^[<\[\s]+/, ""));
  rows.sort((a, b) => {
    const x = texts.get(a), y = texts.get(b);
    if (!x || !y) return (x ? 0 : 1) - (y ? 0 : 1);
    const order = numbers ? value(x) - value(y) : x < y ? -1 : x > y ? 1 : 0;
    return down ? -order : order;
  });
  table.tBodies[0].append(...rows);
}

for (const table of document.querySelectorAll("table:not([data-fixed])")) {
  table.querySelectorAll("thead th").forEach((head, column) => {
    if ("fixed" in head.dataset) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("th").forEach(h => h.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      sortBy(table, column, down);
    });
  });
}

// Tables that do not fit can be scrolled with the keyboard.
const fitting = new ResizeObserver(boxes => boxes.forEach(({ target }) => {
  if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
  else target.removeAttribute("tabindex");
}));
document.querySelectorAll(".scroll").forEach(box => fitting.observe(box));

// A number's link opens its provenance.
function openTarget() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target && target.tagName === "DETAILS") target.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(d => { d.open = true; }));

// The values of all lines of a panel are shown under the pointer.
for (const [id, hover] of Object.entries(hovers)) {
  const figure = document.getElementById(id);
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  figure.append(tip);
  for (const hit of figure.querySelectorAll(".hit")) {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    line.setAttribute("class", "pointer");
    hit.after(line);
    hit.addEventListener("pointermove", e => point(hover, figure, hit, line, tip, e));
    hit.addEventListener("pointerleave", () => {
      tip.hidden = true;
      line.setAttribute("visibility", "hidden");
    });
  }
}

function point(hover, figure, hit, line, tip, e) {
  const box = hit.getBoundingClientRect(), panel = hover.panels[hit.dataset.panel];
  const at = hover.min + (e.clientX - box.left) / box.width * (hover.max - hover.min);
  const nearest = xs => xs.reduce((best, x, i) => Math.abs(x - at) < Math.abs(xs[best] - at) ? i : best, 0);
  const shown = panel.lines.filter(l => l.x && l.x.length).map(l => ({ name: l.name, i: nearest(l.x), line: l }));
  if (!shown.length) return;
  const x = shown[0].line.x[shown[0].i];
  const place = Number(hit.getAttribute("x")) + (hover.max > hover.min ? (x - hover.min) / (hover.max - hover.min) : 0.5) * Number(hit.getAttribute("width"));
  for (const end of ["x1", "x2"]) line.setAttribute(end, place);
  line.setAttribute("y1", hit.getAttribute("y"));
  line.setAttribute("y2", Number(hit.getAttribute("y")) + Number(hit.getAttribute("height")));
  line.setAttribute("visibility", "visible");
  const rows = shown.map(s => [s.name, s.line.y[s.i].toPrecision(5)].filter(Boolean).join(" "));
  tip.replaceChildren(...[[panel.name, hover.x + " " + x].filter(Boolean).join(", "), ...rows].map(t => {
    const row = document.createElement("div");
    row.textContent = t;
    return row;
  }));
  tip.hidden = false;
  const around = figure.getBoundingClientRect();
  const left = e.clientX - around.left + 14;
  tip.style.left = Math.max(0, left + tip.offsetWidth > around.width ? left - tip.offsetWidth - 28 : left) + "px";
  tip.style.top = Math.max(0, e.clientY - around.top - tip.offsetHeight / 2) + "px";
}
