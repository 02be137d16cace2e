// The merchant's page. The token lives in sessionStorage and travels in a header alone; the rest of the question is in
// the address, so that a link asks the same question again (as its own reader).

import { draw } from "./chart.js";
import { age, bucketLabel, formatTick, formatValue, instantIn, parseExact } from "./format.js";

const TOKEN = "insights-token";
const ROWS_SHOWN = 500;
const REFRESH = 30_000;
const QUICK = [["Today", 1], ["7 days", 7], ["30 days", 30], ["90 days", 90]];
const GRAINS = ["hour", "day", "week", "month"];

const at = (id) => document.getElementById(id);
const state = { catalogue: [], answer: null, knownAt: null, asked: 0, currencies: new Set() };

// ---- asking

class Problem extends Error {
  constructor(status, problem) {
    super(problem.detail ?? "");
    Object.assign(this, { status, title: problem.title ?? "Something went wrong" });
  }
}

async function ask(path, params, accept = "application/json") {
  const query = params ? `?${new URLSearchParams(params)}` : "";
  const token = sessionStorage.getItem(TOKEN);
  let answer;
  try {
    answer = await fetch(path + query, { headers: { Accept: accept, ...(token ? { Authorization: `Bearer ${token}` } : {}) } });
  } catch {
    throw new Problem(0, { title: "The service cannot be reached", detail: "Check the connection; the page tries again by itself." });
  }
  if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({ detail: `Status ${answer.status}` })));
  return accept === "text/csv" ? answer.blob() : parseExact(await answer.text());
}

function claims() {
  try {
    const part = sessionStorage.getItem(TOKEN).split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(atob(part));
  } catch {
    return {};
  }
}

// ---- the question

function today(zone, shift = 0) {
  const day = new Date(Date.now() + shift * 86_400_000);
  return new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }).format(day);
}

function dayAfter(day) {
  return new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
}

function chosen(id) {
  return [...at(id).querySelectorAll("input:checked")].map((input) => input.value);
}

function question() {
  const asked = { metrics: chosen("metrics").join(","), from: at("first-day").value, to: dayAfter(at("last-day").value), grain: chosen("grain")[0], tz: at("zone").value };
  if (at("currency").value) asked.currency = at("currency").value;
  if (at("compare").checked) asked.compare = "previous_period";
  if (state.knownAt) asked.as_known_at = state.knownAt;
  return asked;
}

const path = (what) => `/v1/merchants/${encodeURIComponent(at("merchant").value)}/${what}`;

function remember() {
  const { to, ...kept } = question();
  const shown = new URLSearchParams({ merchant: at("merchant").value, last: at("last-day").value, ...kept });
  history.replaceState(null, "", `#${shown}`);
}

async function show() {
  if (!at("controls").checkValidity() || at("merchant").value === "") return;
  if (!chosen("metrics").length) {
    clearNumbers();
    return;
  }
  const number = ++state.asked;
  remember();
  at("pinned").hidden = !state.knownAt;
  at("pinned-text").textContent = `As it was known at ${state.knownAt}.`;
  at("charts").classList.add("busy");
  try {
    const answer = await ask(path("metrics"), question());
    if (number !== state.asked) return;
    clearProblem();
    if (location.hash === state.shown && answer.receipt.release === state.answer.receipt.release) return;
    Object.assign(state, { answer, shown: location.hash });
    render();
  } catch (problem) {
    if (number === state.asked) showProblem(problem);
  } finally {
    if (number === state.asked) at("charts").classList.remove("busy");
  }
  showFreshness();
}

// ---- the answer

function title(series) {
  return state.catalogue.find((m) => m.name === series.metric)?.title ?? series.metric;
}

function render() {
  const answer = state.answer;
  at("previous-key").hidden = !answer.series.some((s) => s.previous);
  at("history").hidden = true;
  offerCurrencies(answer);
  const labels = answer.starts.map((start) => bucketLabel(start, answer.grain));
  at("charts").replaceChildren(...answer.series.map((series) => card(series, labels, answer)));
  drawAll();
  renderTable(answer, labels);
  renderReceipt(answer);
}

function card(series, labels, answer) {
  const made = element("article", "card chart");
  const head = element("header");
  const name = element("h2", "", title(series));
  if (series.currency) name.append(element("small", "", series.currency));
  head.append(name, total(series));
  const host = element("div", "host");
  const released = Date.parse(answer.receipt.released_at);
  host.series = {
    title: `${title(series)} ${series.currency ?? ""}`, labels, values: series.values, final: answer.final_buckets, previous: series.previous?.values,
    whole: series.unit !== "ratio", formatTick: (value) => formatTick(value, series), unknown: (i) => Date.parse(answer.starts[i]) >= released,
    onHover: (i, event) => hover(i, event, series, labels, answer), onChoose: (i) => showHistory(series, answer, i, labels),
  };
  made.append(head, host);
  return made;
}

function sumOf(values) {
  return values.filter((v) => v !== null).reduce((sum, v) => sum + BigInt(v), 0n);
}

function total(series) {
  const box = element("div", "total");
  if (!state.catalogue.find((m) => m.name === series.metric)?.additive) return box;
  const sum = sumOf(series.values);
  box.textContent = formatValue(sum, series);
  if (series.previous) {
    // Like with like: of the previous period only what this one has reached.
    const before = sumOf(series.previous.values.filter((_, i) => series.values[i] !== null));
    const change = before === 0n ? null : (Number(sum - before) / Math.abs(Number(before))) * 100;
    box.append(element("small", "", `${change === null ? "before: " : `${change >= 0 ? "+" : "−"}${Math.abs(change).toFixed(1)} % from `}${formatValue(before, series)}`));
  }
  return box;
}

function drawAll() {
  for (const host of document.querySelectorAll(".host")) draw(host, host.series);
}

function hover(i, event, series, labels, answer) {
  const tip = at("tip");
  tip.hidden = i === null;
  if (i === null) return;
  const kind = series.values[i] === null ? "no value" : i < answer.final_buckets ? "final" : "provisional";
  tip.replaceChildren(element("b", "", `${formatValue(series.values[i], series)} ${series.currency ?? ""}`), element("span", "", labels[i].long), element("i", "", kind));
  if (series.previous) tip.append(element("i", "", `previous period: ${formatValue(series.previous.values[i], series)}`));
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, innerWidth - box.width - 8))}px`;
  tip.style.top = `${Math.max(8, event.clientY - box.height - 12)}px`;
}

function renderTable(answer, labels) {
  const head = element("tr");
  head.append(element("th", "", "Begins"), ...answer.series.map((s) => element("th", "", `${title(s)}${s.currency ? ` ${s.currency}` : ""}`)));
  const rows = labels.slice(0, ROWS_SHOWN).map((label, i) => {
    const row = element("tr", i < answer.final_buckets ? "" : "provisional");
    const begins = element("td", "", label.row);
    if (i === answer.final_buckets) begins.append(element("span", "tag", "provisional"));
    row.append(begins, ...answer.series.map((s) => element("td", "", formatValue(s.values[i], s))));
    return row;
  });
  const [thead, tbody] = [element("thead"), element("tbody")];
  thead.append(head);
  tbody.append(...rows);
  at("table").replaceChildren(thead, tbody);
  at("more").hidden = labels.length <= ROWS_SHOWN;
  at("more").textContent = `The first ${ROWS_SHOWN} of ${labels.length} rows. The CSV holds all.`;
}

function renderReceipt(answer) {
  const r = answer.receipt;
  const entries = [
    ["Release", r.release], ["Released", instantIn(r.released_at, answer.tz)], ["Known at", pinButton(r.known_at)],
    ["Final up to", instantIn(r.complete_through, answer.tz)], ["Gold version", r.gold_version],
    ["Tables", Object.entries(r.tables).map(([name, t]) => `${name} at ${t.delta_version}`).join(", ") || "none yet"],
    ["Bronze", `generation ${r.bronze.generation}, version ${r.bronze.delta_version}`],
    ["Definition", `${r.definition.fingerprint.slice(0, 16)}${r.definition.git_commit ? `, commit ${r.definition.git_commit}` : ""}`],
    ["Zone rules", `tzdata ${r.tzdata}`],
  ];
  at("receipt").replaceChildren(...entries.flatMap(([name, value]) => {
    const entry = element("dd");
    entry.append(value instanceof Node ? value : String(value));
    return [element("dt", "", name), entry];
  }));
  if (document.activeElement !== at("known-at")) at("known-at").value = state.knownAt ?? r.known_at;
}

function pinButton(knownAt) {
  const button = element("button", "", knownAt);
  button.type = "button";
  button.title = "Keep showing what was known then";
  button.addEventListener("click", () => travel(knownAt));
  return button;
}

async function showHistory(series, answer, i, labels) {
  const box = at("history");
  box.hidden = false;
  box.replaceChildren(element("h2", "", `${title(series)} ${series.currency ?? ""}, ${labels[i].long}: history of this number`));
  const asked = { metric: series.metric, start: answer.starts[i], grain: answer.grain, tz: answer.tz };
  if (series.currency) asked.currency = series.currency;
  if (state.knownAt) asked.as_known_at = state.knownAt;
  try {
    const { revisions } = await ask(path("revisions"), asked);
    const lines = revisions.map((r) => `${formatValue(r.value, series)} since release ${r.release}, ${instantIn(r.released_at, answer.tz)} (${r.reason.replaceAll("_", " ")})`);
    const list = element("ul");
    list.append(...(lines.length ? lines : ["Not final yet: it may still grow, and has no revisions."]).map((line) => element("li", "", line)));
    box.append(list);
  } catch (problem) {
    box.append(element("p", "note", problem.message));
  }
  box.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

function offerCurrencies(answer) {
  for (const series of answer.series) if (series.currency) state.currencies.add(series.currency);
  const select = at("currency"), value = select.value;
  const all = element("option", "", "All");
  all.value = "";
  select.replaceChildren(all, ...[...state.currencies].sort().map((code) => element("option", "", code)));
  select.value = value;
}

async function showFreshness() {
  try {
    const status = await ask("/v1/status");
    const text = at("freshness");
    if (status.current_release === null) return void (text.textContent = "No release yet");
    text.replaceChildren("Release ", element("b", "", status.current_release), `, ${age(status.freshness_seconds)} old. Final up to `, element("b", "", instantIn(status.complete_through, at("zone").value || "UTC")));
  } catch {
    at("freshness").textContent = "The service cannot be reached";
  }
}

// ---- states

function clearNumbers() {
  state.shown = null;
  for (const id of ["charts", "table", "receipt"]) at(id).replaceChildren();
}

function clearProblem() {
  at("problem").hidden = true;
}

function showProblem(problem) {
  if (problem.status === 401) return signOut(problem.message);
  at("problem").replaceChildren(element("b", "", problem.title ?? "The page failed"), problem.message);
  at("problem").hidden = false;
  if (problem.status !== 0 && problem.status !== 503) clearNumbers();
}

function signOut(reason) {
  sessionStorage.removeItem(TOKEN);
  at("board").hidden = at("sign-out").hidden = true;
  at("sign-in").hidden = false;
  clearProblem();
  clearNumbers();
  if (reason) {
    at("problem").replaceChildren(element("b", "", "Please sign in again"), reason);
    at("problem").hidden = false;
  }
  at("token").focus();
}

function travel(instant) {
  state.knownAt = instant;
  show();
}

function element(name, className = "", text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function option(kind, group, value, text, checked) {
  const label = element("label");
  const input = element("input");
  Object.assign(input, { type: kind, name: group, value, checked });
  label.append(input, text);
  return label;
}

// ---- start

function setRange(days) {
  const zone = at("zone").value;
  at("first-day").value = today(zone, 1 - days);
  at("last-day").value = today(zone);
  const grain = days === 1 || days === 7 ? "hour" : "day";
  for (const input of at("grain").querySelectorAll("input")) input.checked = input.value === grain;
}

function buildControls() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const who = claims();
  const anyone = (who.scope ?? "").split(" ").includes("insights:read:any");
  at("merchant").value = anyone ? asked.get("merchant") ?? who.sub ?? "" : who.sub ?? "";
  at("merchant").readOnly = !anyone;
  at("zone").value = asked.get("tz") ?? Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
  at("zones").replaceChildren(...Intl.supportedValuesOf("timeZone").map((zone) => Object.assign(element("option"), { value: zone })));
  at("grain").replaceChildren(...GRAINS.map((grain) => option("radio", "grain", grain, grain[0].toUpperCase() + grain.slice(1), false)));
  at("quick").replaceChildren(...QUICK.map(([text, days]) => {
    const button = Object.assign(element("button", "", text), { type: "button" });
    button.addEventListener("click", () => { setRange(days); show(); });
    return button;
  }));
  setRange(7);
  if (asked.has("from")) [at("first-day").value, at("last-day").value] = [asked.get("from"), asked.get("last")];
  for (const input of at("grain").querySelectorAll("input")) if (asked.has("grain")) input.checked = input.value === asked.get("grain");
  const wanted = (asked.get("metrics") ?? "gross_sales,orders,page_views,average_order_value").split(",");
  at("metrics").replaceChildren(...state.catalogue.map((m) => option("checkbox", "metric", m.name, m.title, wanted.includes(m.name))));
  at("compare").checked = asked.has("compare");
  state.knownAt = asked.get("as_known_at");
  if (asked.has("currency")) {
    state.currencies.add(asked.get("currency"));
    at("currency").append(element("option", "", asked.get("currency")));
    at("currency").value = asked.get("currency");
  }
}

async function start() {
  showFreshness();
  if (!sessionStorage.getItem(TOKEN)) return signOut();
  if (!claims().sub) return signOut("That text is not a token. Copy all of it, from the first letter to the last.");
  try {
    state.catalogue = (await ask("/v1/metrics")).metrics;
  } catch (problem) {
    return showProblem(problem);
  }
  at("sign-in").hidden = true;
  at("board").hidden = at("sign-out").hidden = false;
  buildControls();
  await show();
}

at("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, at("token").value.trim());
  at("token").value = "";
  clearProblem();
  start();
});
at("sign-out").addEventListener("click", () => signOut());
at("controls").addEventListener("change", () => show());
at("controls").addEventListener("submit", (event) => event.preventDefault());
at("unpin").addEventListener("click", () => travel(null));
at("travel").addEventListener("submit", (event) => { event.preventDefault(); travel(at("known-at").value.trim()); });
at("download").addEventListener("click", async () => {
  try {
    const blob = await ask(path("metrics"), question(), "text/csv");
    const link = Object.assign(element("a"), { href: URL.createObjectURL(blob), download: `${at("merchant").value}-${at("first-day").value}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch (problem) {
    showProblem(problem);
  }
});
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; drawAll(); } });
setInterval(() => { if (!document.hidden && sessionStorage.getItem(TOKEN) && !at("board").hidden && !state.knownAt) show(); }, REFRESH);
start();
