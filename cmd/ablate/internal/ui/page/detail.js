"use strict";
// What the page shows of one instance, the plan, the failures and the answers.

function query(path, params) {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(params)) {
    for (const one of [v].flat()) if (one !== "" && one !== undefined) q.append(k, one);
  }
  return path + "?" + q;
}

async function fetchJSON(path, params) {
  const r = await fetch(query(path, params));
  if (!r.ok) throw new Error((await r.text()).trim());
  return r.json();
}

async function openDetail(address) {
  view.open = address;
  saveView();
  byID("detail-title").textContent = address;
  byID("detail-body").replaceChildren(el("p", {}, "Loading…"));
  if (!byID("detail").open) byID("detail").showModal();
  try {
    const d = await fetchJSON("/api/instance", { study: study.id, address });
    if (view.open !== address) return;
    byID("detail-body").replaceChildren(...detailParts(d));
    const log = byID("detail-body").querySelector(".log");
    if (log) log.scrollTop = log.scrollHeight; // its end says what happened
  } catch (e) {
    byID("detail-body").replaceChildren(el("p", { className: "problem" }, e.message));
  }
}

function detailParts(d) {
  const facts = [["State", words[d.state]], ["Plan", study.planned ? [d.action, d.reason].filter(Boolean).join(": ") : ""], ["Step", d.steps ? d.step + " of " + d.steps : ""], ["Key", d.key || ""]];
  for (const [name, v] of Object.entries(d.metrics || {})) {
    const at = (d.at || {})[name];
    facts.push([name, number(v) + (at !== undefined && at !== d.step ? " at step " + at : "")]);
  }
  const p = d.provenance;
  if (p) {
    facts.push(["Computed", new Date(p.finished).toLocaleString() + " in " + duration(p.seconds)], ["Host", [p.host.name, p.host.os, p.host.arch, p.numerics_class].filter(Boolean).join(", ")]);
  } else if (d.seconds !== undefined) facts.push(["Took", duration(d.seconds)]);
  const out = [el("dl", {}, ...facts.filter(f => f[1]).flatMap(([k, v]) => [el("dt", {}, k), el("dd", {}, v)]))];
  const part = (title, ...content) => out.push(el("h3", {}, title), ...content);
  if (d.error) part("Error", el("pre", { tabIndex: 0 }, d.error));
  if (d.findings && d.findings.length) part("Findings", findingsList(d.findings));
  if (d.changes && d.changes.length) part("Changes since the nearest cached result", changesList(d.changes));
  if (d.probes && d.probes.length) part("Probes", ...probeParts(d.probes));
  if (d.text) part("Tables", el("pre", { tabIndex: 0 }, d.text));
  if (d.spec) part("Spec", el("pre", { tabIndex: 0 }, d.spec));
  if (d.artifacts && d.artifacts.length) {
    part("Artifacts", el("ul", {}, ...d.artifacts.map(a => el("li", {},
      el("a", { href: query("/artifact", { study: study.id, address: d.address, name: a.name }) }, a.name), " ", a.media_type + ", " + a.size.toLocaleString() + " bytes"))));
  }
  if (d.log) part("Log", el("pre", { className: "log", tabIndex: 0 }, d.log));
  return out;
}

// probeParts shows what probes recorded as a heat map by layer and step, one at a time.
function probeParts(probes) {
  const box = el("div", {});
  const pick = el("select", { onchange: () => box.replaceChildren(heatMap(probes[pick.value])) },
    ...probes.map((p, i) => el("option", { value: i }, p.quantity.replaceAll("_", " ") + " at " + p.site)));
  box.append(heatMap(probes[0]));
  return [el("label", {}, "Probe ", pick), box];
}

// ramp is the scale from low to high; it is ordered in grey, too.
const ramp = ["#fcfdbf", "#feca8d", "#fd9668", "#f1605d", "#cd4071", "#9e2f7f", "#721f81", "#440f76", "#180f3d"];

function svg(tag, attributes, ...children) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
}

function heatMap(p) {
  const values = p.layers.flat().filter(v => v !== null);
  const low = Math.min(...values), high = Math.max(...values);
  const left = 34, top = 22, width = 620, row = Math.max(8, Math.min(24, 240 / p.layers.length)), column = (width - left) / p.steps.length;
  const shade = v => ramp[Math.min(ramp.length - 1, Math.floor((high > low ? (v - low) / (high - low) : 0.5) * ramp.length))];
  const height = top + row * p.layers.length + 20;
  const name = p.quantity.replaceAll("_", " ") + " at " + p.site;
  const map = svg("svg", { class: "probe", viewBox: "0 0 " + width + " " + height, width, height, role: "img", "aria-label": name + " by layer and step, from " + number(low) + " to " + number(high) });
  ramp.forEach((colour, i) => map.append(svg("rect", { x: left + 60 + i * 14, y: 2, width: 14.3, height: 10, fill: colour })));
  map.append(svg("text", { x: left + 54, y: 11, "text-anchor": "end" }, number(low)), svg("text", { x: left + 66 + ramp.length * 14, y: 11 }, number(high)));
  const every = Math.max(1, Math.ceil(p.layers.length / 8)), steps = Math.max(1, Math.ceil(44 / column));
  p.layers.forEach((line, layer) => {
    const y = top + row * (p.layers.length - 1 - layer);
    if (layer % every === 0) map.append(svg("text", { x: left - 6, y: y + row / 2 + 4, "text-anchor": "end" }, "L" + layer));
    line.forEach((v, i) => {
      if (v === null) return;
      map.append(svg("rect", { x: left + column * i, y, width: column + 0.3, height: row + 0.3, fill: shade(v) },
        svg("title", {}, "step " + p.steps[i] + ", layer " + layer + ": " + number(v))));
    });
  });
  p.steps.forEach((s, i) => {
    if (i % steps === 0) map.append(svg("text", { x: left + column * (i + 0.5), y: height - 6, "text-anchor": "middle" }, s));
  });
  return map;
}

// drawGraph shows the stages and what each depends on. The server draws them; the page
// has its own style for them, and its policy forbids that of the drawing.
function drawGraph(study) {
  const box = byID("graph").querySelector("div");
  byID("graph").hidden = !study.graph;
  if (!study.graph || box.dataset.shape === study.graph) return;
  box.dataset.shape = study.graph;
  const drawing = new DOMParser().parseFromString(study.graph.replace(/<style>.*?<\/style>/s, ""), "image/svg+xml").documentElement;
  box.replaceChildren(document.adoptNode(drawing));
}

// findingsList shows the first findings and folds the rest.
function findingsList(list) {
  const most = 6, rest = list.slice(most), item = s => el("li", {}, s);
  return el("div", { className: "findings" }, el("ul", {}, ...list.slice(0, most).map(item)),
    rest.length ? el("details", {}, el("summary", {}, rest.length + " more"), el("ul", {}, ...rest.map(item))) : null);
}

const changesList = changes => el("ul", {}, ...changes.slice(0, 8).map(c => el("li", {}, el("code", {}, c.path), " " + (c.was || "nothing") + " → " + (c.now || "nothing"))),
  changes.length > 8 ? el("li", {}, (changes.length - 8) + " more") : null);

function drawSummary(study) {
  const counts = {};
  const own = study.trials.filter(t => !t.imported), imported = study.trials.length - own.length;
  for (const t of own) counts[t.state] = (counts[t.state] || 0) + 1;
  byID("summary").replaceChildren(
    ...(own.length && study.partial ? [el("strong", {}, (counts.cached || 0) + ((counts.cached || 0) === 1 ? " trial done" : " trials done"))]
      : own.length ? [el("strong", {}, (counts.cached || 0) + " of " + own.length + (own.length === 1 ? " trial done" : " trials done")),
      el("progress", { max: Math.max(1, own.length), value: counts.cached || 0, ariaLabel: "trials done" })] : []),
    imported ? el("strong", {}, imported + (imported === 1 ? " imported run" : " imported runs")) : "",
    ...Object.keys(words).filter(s => counts[s] && s !== "cached").map(s => el("span", { className: "state-" + s }, signs[s] + " " + counts[s] + " " + words[s])),
    study.remaining >= 1 ? el("span", { className: "soft" }, "about " + duration(study.remaining) + " left") : "",
    study.others ? el("span", { className: "soft" }, "Not shown: " + study.others + (study.others === 1 ? " running trial" : " running trials") + " of another version of the study (edited since, or other variables)") : "",
    ...(study.notes || []).map(n => el("span", { className: "soft" }, n)));
  byID("problem").hidden = !study.problem;
  byID("problem").textContent = study.problem ? "The study cannot be planned; this shows what its runs recorded.\n" + study.problem : "";
}

function drawFailures(study) {
  const failed = (study.instances || []).filter(i => i.state === "failed");
  byID("failures").hidden = !failed.length;
  const box = byID("failures").querySelector("ul"), shape = JSON.stringify([study.id, failed.map(i => [i.address, i.error])]);
  if (box.dataset.shape === shape) return;
  box.dataset.shape = shape;
  box.replaceChildren(...failed.slice(0, 50).map(i => el("li", {},
    el("button", { type: "button", className: "address", onclick: () => openDetail(i.address) }, i.address), el("pre", {}, i.error || "no message"))),
    failed.length > 50 ? el("li", {}, (failed.length - 50) + " more") : "");
}

// drawPlan lists what a run would do. Instances of a stage with one reason are one
// line.
function drawPlan(study) {
  const groups = new Map();
  for (const i of study.instances) {
    if (!i.action || i.action === "hit") continue;
    const key = JSON.stringify([i.action, stageOf(i), i.reason]);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(i);
  }
  byID("plan").hidden = !study.planned;
  const box = byID("plan").querySelector("div");
  const shape = JSON.stringify([...groups].map(([key, of]) => [key, of.length]));
  if (box.dataset.shape === shape) return;
  box.dataset.shape = shape;
  if (!groups.size) {
    box.replaceChildren(el("p", {}, (study.instances || []).length ? "Nothing to do: all instances are cached." : "Nothing to do: the study has no instances."));
    return;
  }
  const names = of => of.length === 1 ? of[0].address
    : el("details", {}, el("summary", {}, stageOf(of[0]) + " (" + of.length + ")"), ...of.slice(0, 200).map(i => el("div", {}, i.address)), of.length > 200 ? el("div", {}, (of.length - 200) + " more") : null);
  const body = [...groups.values()].slice(0, 200).map(of => el("tr", {}, el("td", {}, of[0].action), el("td", { className: "address" }, names(of)), el("td", {}, of[0].reason || "")));
  box.replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "Action"), el("th", {}, "Instance"), el("th", {}, "Reason"))), el("tbody", {}, ...body)),
    groups.size > 200 ? el("p", { className: "soft" }, (groups.size - 200) + " more") : "");
}

// drawAnswers lists the analyses. Their tables are fetched when one is opened.
function drawAnswers(study) {
  const analyses = (study.instances || []).filter(i => i.answers);
  byID("answers").hidden = !analyses.length;
  const box = byID("answers").querySelector("div");
  const shape = JSON.stringify(analyses.map(i => [i.address, i.state, i.key, i.partial, i.findings]));
  if (box.dataset.shape === shape) return;
  box.dataset.shape = shape;
  const open = new Set([...box.querySelectorAll("details[open]")].map(d => d.dataset.address));
  box.replaceChildren(...analyses.map(i => {
    if (i.state !== "cached" && !i.partial) return el("p", { className: "soft" }, (i.label || i.address) + ": answers once its trials are done");
    const text = el("pre", { tabIndex: 0 }, "Loading…");
    const details = el("details", { open: open.has(i.address), ontoggle: async e => {
      if (!e.target.open) return;
      try {
        text.textContent = (await fetchJSON("/api/instance", { study: study.id, address: i.address })).text || "No tables.";
      } catch (err) {
        text.textContent = err.message;
      }
    } }, el("summary", {}, (i.label || i.address) + (i.state === "cached" ? "" : ` (partial: ${i.absent} ${i.absent === 1 ? "trial" : "trials"} missing)`)), text);
    details.dataset.address = i.address;
    return i.findings ? el("div", {}, details, findingsList(i.findings)) : details;
  }));
}
