"use strict";
// The page's state, what it hears from the server, and its controls.

let study = null; // as the server sent it, with trials grouped by cell

// view is what the user chose. The part of the address after # holds it, so that a
// copied address shows the same; it never holds the token.
const view = {
  id: "", chosen: "", metric: "", logX: false, logY: false, smooth: 0, thin: true, zoom: null, open: "",
  off: new Set(), curves: new Map(), diverged: new Set(),
  reading: 0, trouble: "", // requests for curves that are under way, and why the last one failed
  setCells(cells, on) {
    for (const c of cells) on ? this.off.delete(c.id) : this.off.add(c.id);
    changed(true);
  },
  setZoom(zoom) {
    this.zoom = zoom;
    changed(true);
    loadCurves();
  },
  // lastOf is the final value of a trial in the chosen metric, or the latest one.
  lastOf(t) {
    const c = this.curves.get(t.address);
    return c && c.last !== undefined && c.last !== null ? c.last : undefined;
  },
};

function loadView() {
  const q = new URLSearchParams(location.hash.slice(1));
  view.id = q.get("study") || "";
  view.metric = view.chosen = q.get("metric") || "";
  view.logX = q.has("logx");
  view.logY = q.has("logy");
  view.smooth = Number(q.get("smooth")) || 0;
  view.thin = !q.has("means");
  view.open = q.get("open") || "";
  const [min, max] = (q.get("zoom") || "").split(":").map(Number);
  view.zoom = max > min ? { min, max } : null;
  view.off = new Set(q.getAll("off"));
  byID("log-x").checked = view.logX;
  byID("log-y").checked = view.logY;
  byID("thin").checked = view.thin;
  byID("smooth").value = view.smooth;
}

function saveView() {
  const q = new URLSearchParams();
  const set = (k, v, is) => { if (is) q.append(k, v); };
  set("study", view.id, view.id);
  set("metric", view.chosen, view.chosen);
  set("logx", "1", view.logX);
  set("logy", "1", view.logY);
  set("smooth", view.smooth, view.smooth);
  set("means", "1", !view.thin);
  set("zoom", view.zoom && view.zoom.min + ":" + view.zoom.max, view.zoom);
  set("open", view.open, view.open);
  for (const id of view.off) q.append("off", id);
  if (location.hash.slice(1) !== String(q)) history.replaceState(null, "", "#" + q);
}

// changed draws everything again: at once after what the user did, else so that drawing
// takes at most half of the time.
let pending = 0, took = 0, drawn = 0;
function changed(now) {
  saveView();
  if (!study || pending && !now) return;
  clearTimeout(pending);
  pending = setTimeout(() => {
    const started = performance.now();
    pending = 0;
    if (!study) return; // another one was chosen
    drawAll();
    drawn = performance.now();
    took = drawn - started;
  }, now ? 0 : Math.max(0, drawn + Math.min(1000, Math.max(16, took)) - performance.now()));
}

function drawAll() {
  document.title = study.name + " – ablate";
  byID("name").textContent = study.name;
  byID("description").textContent = study.description || study.dir;
  byID("curves").hidden = !study.trials.length;
  drawSummary(study);
  drawFailures(study);
  drawGrid(study, view);
  drawChart(study, view);
  drawAnswers(study);
  drawPlan(study);
  drawGraph(study);
  drawSections();
}

// drawNothing says that there is no study to show.
function drawNothing() {
  study = null;
  document.title = "ablate";
  byID("name").textContent = "ablate";
  byID("description").textContent = "";
  byID("summary").replaceChildren();
  for (const id of ["problem", "failures", "curves", "answers", "plan", "graph"]) byID(id).hidden = true;
  delete byID("grid").dataset.shape;
  byID("grid").replaceChildren(el("p", {}, view.id ? "The store has no study at this URL. Choose another one above."
    : "The store holds no runs yet, and there is no study in this folder. Start one with ablate run."));
  drawSections();
  drawStudies();
}

// drawSections lists the parts of the page. A grid of many trials is long.
function drawSections() {
  const titles = [...document.querySelectorAll("main > section:not([hidden]) > h2")];
  const box = byID("sections"), shape = titles.map(t => t.id).join();
  box.hidden = titles.length < 2;
  if (box.dataset.shape === shape) return;
  box.dataset.shape = shape;
  box.replaceChildren(...titles.map(t => el("button", { type: "button", onclick: () => {
    t.tabIndex = -1;
    t.focus({ preventScroll: true });
    t.scrollIntoView();
  } }, t.firstChild.textContent.trim())));
}

// loadCurves reads the curves of all trials, or of some. Those of many trials come in
// parts, and each part is drawn.
async function loadCurves(addresses) {
  if (!study) return;
  const most = 40, all = study.trials.map(t => t.address);
  if (addresses || all.length <= most) return readCurves(addresses);
  const known = new Set(all);
  forgetCurves(a => !known.has(a));
  const part = loadCurves.part = {}; // a later call ends this one
  for (let i = 0; i < all.length && loadCurves.part === part; i += most) await readCurves(all.slice(i, i + most));
}

// forgetCurves removes the curves of trials, and that they diverged.
function forgetCurves(of) {
  for (const a of [...view.curves.keys(), ...view.diverged]) {
    if (!of(a)) continue;
    view.curves.delete(a);
    view.diverged.delete(a);
  }
}

// readCurves reads the curves of all trials, or of some. A zoomed chart asks for the
// steps that it shows, which come in more detail.
async function readCurves(addresses) {
  const zoom = view.zoom ? { from: Math.floor(view.zoom.min), to: Math.ceil(view.zoom.max) } : {};
  const asked = JSON.stringify([study.id, view.metric, zoom]);
  readCurves.asked = asked;
  view.reading++;
  try {
    const c = await fetchJSON("/api/curves", { study: study.id, metric: view.metric, address: addresses || [], ...zoom });
    if (readCurves.asked !== asked) return;
    const replaced = new Set(addresses);
    forgetCurves(a => !addresses || replaced.has(a)); // a trial that runs again has none
    for (const k of c.curves) {
      if (k.diverged !== undefined) view.diverged.add(k.address);
      k.steps = k.steps || [];
      k.values = k.values || [];
      view.curves.set(k.address, k);
    }
    if (!view.metric && (c.metrics || []).length) view.metric = c.metric;
    drawMetrics(c.metrics || [], !!addresses);
    view.trouble = "";
  } catch (e) {
    view.trouble = "The curves cannot be read: " + e.message;
  } finally {
    view.reading--;
    changed();
  }
}

function drawMetrics(names, some) {
  const box = byID("metric"), before = [...box.options].map(o => o.value);
  const all = [...new Set([...(some ? before : []), ...names, view.metric].filter(Boolean))].sort();
  if (box.value === view.metric && all.join("\n") === before.join("\n")) return; // the list may be open
  box.replaceChildren(...all.map(n => el("option", { value: n, selected: n === view.metric }, n)));
}

// take updates instances with what the server says changed.
function take(instances) {
  const of = new Map(study.instances.map(i => [i.address, i]));
  const finished = [];
  for (const now of instances) {
    const was = of.get(now.address);
    if (!was) continue;
    if (was.trial && now.state === "cached" && was.state !== "cached") finished.push(now.address);
    if (was.trial && was.state === "cached" && now.state !== "cached") forgetCurves(a => a === now.address);
    if (was.trial && now.state === "running") addPoint(now);
    for (const k of ["step", "steps", "metrics", "at", "left", "seconds", "error", "reason"]) delete was[k];
    Object.assign(was, now);
  }
  const better = !view.chosen && study.response && view.metric !== study.response &&
    (finished.length || instances.some(i => i.metrics && study.response in i.metrics));
  if (better || !view.metric && instances.some(i => i.metrics)) { // until its first evaluation, a study shows another metric
    view.metric = "";
    view.curves.clear();
    loadCurves();
  } else if (finished.length) loadCurves(finished);
  drawMetrics(instances.flatMap(i => i.trial ? Object.keys(i.metrics || {}) : []), true);
  changed();
}

// addPoint extends the curve of a running trial by what it just reported. Of a long curve, the
// server has means.
function addPoint(t) {
  const most = 2000; // points
  const v = (t.metrics || {})[view.metric], step = (t.at || {})[view.metric] ?? t.step; // other metrics may have later reports
  if (v === undefined) return;
  let c = view.curves.get(t.address);
  if (!c || step < c.steps[c.steps.length - 1]) view.curves.set(t.address, c = { address: t.address, steps: [], values: [] });
  c.last = v;
  if (c.steps[c.steps.length - 1] === step || view.zoom && step > view.zoom.max) return;
  c.steps.push(step);
  c.values.push(v);
  if (c.steps.length % most === 0) readCurves([t.address]);
}

let source = null;
function connect() {
  if (source) source.close();
  source = new EventSource(query("/api/events", { study: view.id }));
  let missed = true; // what happened before the connection
  source.onopen = () => {
    missed = true;
    connection("Live");
  };
  source.addEventListener("study", e => {
    const next = JSON.parse(e.data);
    if (!view.open) byID("detail").close(); // another study was chosen by the browser's history
    if (!next) return drawNothing();
    const states = new Map(study ? study.trials.map(t => [t.address, t.state]) : []);
    const another = !study || study.id !== next.id;
    const same = !another && (next.instances || []).every(n => !n.trial || states.get(n.address) === n.state);
    study = next;
    if (another) drawStudies();
    study.instances = study.instances || [];
    group(study);
    if (missed || !same || !view.curves.size) loadCurves();
    missed = false;
    changed();
    if (view.open && (another || !byID("detail").open)) openDetail(view.open);
  });
  source.addEventListener("instances", e => take(JSON.parse(e.data)));
  source.addEventListener("remaining", e => { study.remaining = JSON.parse(e.data) ?? undefined; changed(); });
  source.onerror = () => {
    connection("Disconnected; trying again…");
    if (source.readyState === EventSource.CLOSED) retry();
  };
}

// retry finds out why the server refused, and connects again if it no longer does.
async function retry() {
  try {
    const r = await fetch("/api/studies");
    if (r.ok) return connect();
    connection(r.status === 401 ? "ablate ui was restarted: open the address that it printed." : "Disconnected: " + await r.text());
  } catch {
    connection("Disconnected: ablate ui does not answer.");
  }
  setTimeout(retry, 2000);
}

function connection(text) {
  byID("connection").textContent = text;
  byID("connection").className = text === "Live" ? "state-cached" : "state-stopped";
}

async function drawStudies() {
  const list = await fetchJSON("/api/studies", {}).catch(() => []);
  const names = (list || []).map(s => s.name);
  byID("studies").replaceChildren(...(list || []).map(s => el("option", { value: s.id, selected: study ? s.id === study.id : s.id === view.id },
    s.name + (names.filter(n => n === s.name).length > 1 ? " (" + s.dir + ")" : ""))));
}

function control(id, event, set) {
  byID(id).addEventListener(event, e => {
    set(e.target);
    changed(true);
  });
}
control("log-y", "change", e => { view.logY = e.checked; });
control("log-x", "change", e => { view.logX = e.checked; });
control("thin", "change", e => { view.thin = e.checked; });
control("smooth", "input", e => { view.smooth = Number(e.value); });
control("metric", "change", e => {
  view.metric = view.chosen = e.value;
  view.curves.clear();
  loadCurves();
});
for (const id of ["from", "to"]) {
  for (const begins of ["focus", "input"]) byID(id).addEventListener(begins, e => { e.target.typing = true; });
  byID(id).addEventListener("blur", e => { e.target.typing = false; }); // no change, if the old text is back
  byID(id).addEventListener("change", e => {
    e.target.typing = false;
    const min = byID("from").valueAsNumber, max = byID("to").valueAsNumber;
    view.setZoom(max > min ? { min, max } : null);
  });
}
byID("reset").addEventListener("click", () => view.setZoom(null));
byID("studies").addEventListener("focus", drawStudies);
byID("studies").addEventListener("change", e => {
  location.hash = "study=" + e.target.value;
});
byID("detail").addEventListener("close", () => {
  const tile = [...document.querySelectorAll("#grid [data-key]")].find(b => b.dataset.key === view.open);
  if (tile && document.activeElement === document.body) tile.focus({ preventScroll: true }); // it was drawn anew meanwhile
  view.open = "";
  saveView();
});
addEventListener("hashchange", () => {
  study = null;
  view.curves.clear();
  view.diverged.clear();
  loadView();
  connect();
});
darkMode.addEventListener("change", () => changed(true));
let resized;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => changed(), 100);
});

loadView();
connect();
