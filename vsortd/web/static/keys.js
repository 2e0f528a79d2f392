// The keys of a page. One table makes them work and is what `?` shows: nothing is a key that isn't listed.
const table = new Map(); // key: { what, run }
const NAMES = { " ": "Space", ArrowLeft: "←", ArrowRight: "→" };
let afterGo = false;

/** Adds a key; `run` gets the event. A later one of the same key takes its place; it is shown while it is `there`. */
export function key(name, what, run, there = () => true) {
  table.set(name, { what, run, there });
}

/** Adds the keys that elements of the page name themselves: data-key is the key, data-what what it does. */
export function bindKeys(root) {
  for (const one of root.querySelectorAll("[data-key]")) {
    const name = one.dataset.key;
    key(name, one.dataset.what, () => {
      const now = document.querySelector(`[data-key="${CSS.escape(name)}"]`);
      if (!now) return;
      if (now.matches("input:not([type=checkbox]), select, textarea")) now.focus();
      else now.click();
    }, () => document.querySelector(`[data-key="${CSS.escape(name)}"]`)?.checkVisibility());
  }
}

/** Tells whether what is typed is meant for a field. */
function isTyping(target) {
  return target.closest("input:not([type=checkbox], [type=radio], [type=range], [type=button]), textarea, select, [contenteditable]") !== null;
}

/** Shows the keys of this page. */
export function showKeys() {
  const dialog = document.getElementById("dialog");
  const title = element("h2", "Keys of this page", { id: "dialog-title" });
  const list = element("dl", "", { className: "keys" });
  for (const [name, { what, there }] of table) {
    if (!there()) continue;
    const term = document.createElement("dt");
    term.append(...(NAMES[name] ?? name).split(" ").flatMap((part) => [element("kbd", part), " "]));
    list.append(term, element("dd", what));
  }
  const close = element("button", "Close", { type: "button", autofocus: true });
  close.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(title, list, close);
  if (!dialog.open) dialog.showModal();
}

export function element(name, text = "", properties = {}) {
  return Object.assign(document.createElement(name), { textContent: text }, properties);
}

/** Moves the focus from row to row. */
function step(by) {
  const rows = [...document.querySelectorAll(".item[tabindex], [data-row]")];
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement?.closest(".item[tabindex], [data-row]"));
  const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

const views = [...document.querySelectorAll("[data-go]")];
if (views.length) {
  key("?", "Show these keys", showKeys);
  for (const view of views) key(`g ${view.dataset.go}`, `Go to ${view.textContent}`, () => view.click());
}
const hits = document.querySelector("#results");
if (hits || document.querySelector(".items, [data-rows]")) {
  key("j", "Next row", () => step(1));
  key("k", "Row before", () => step(-1));
}
if (!hits && document.querySelector(".items, [data-rows]")) {
  key("x", "Choose this row", () => document.activeElement?.closest(".item")?.querySelector("input[type=checkbox]:enabled")?.click());
  key("u", "Undo this row, or the newest one", () => (document.activeElement?.closest(".item") ?? document).querySelector("[data-undo]")?.click());
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const name = afterGo ? `g ${event.key}` : event.key;
  const begins = event.key === "g" && !afterGo && [...table.keys()].some((one) => one.startsWith("g "));
  afterGo = begins;
  if (begins) return;
  const found = table.get(name);
  if (!found || (name in NAMES && event.target.closest("button, a, summary, input, video, [role=listbox]"))) return; // that has them itself
  event.preventDefault();
  found.run(event);
});
