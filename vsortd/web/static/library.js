// Library: choosing by mouse and keyboard, pages that come and go as one scrolls, folders, and what is done with the chosen.
import { key } from "./keys.js";
import { fetchPart, replaceParts, showDialog } from "./parts.js";
import { say } from "./say.js";
import { scrubbing } from "./scrub.js";

const WINDOW = 2; // so many pages are in the document at once, above and below they are kept as text
const form = document.getElementById("filters");
const rows = document.getElementById("rows");
const chosenForm = document.getElementById("chosen");
const count = document.getElementById("chosen-count");
const chosen = new Set();
let anchor = null; // where Shift begins

const tiles = () => [...rows.querySelectorAll("[data-tile]")];
const nameOf = (tile) => tile.querySelector(".name").textContent;
const boxOf = (tile) => tile.previousElementSibling;

// Choosing

function show() {
  for (const tile of tiles()) boxOf(tile).checked = chosen.has(tile.dataset.tile);
  count.textContent = chosen.size ? `${chosen.size.toLocaleString("en")} chosen` : "";
  document.getElementById("choose-none").hidden = !chosen.size;
}

function choose(tile, on = !chosen.has(tile.dataset.tile)) {
  if (on) chosen.add(tile.dataset.tile);
  else chosen.delete(tile.dataset.tile);
  anchor = tile.dataset.tile;
  show();
}

/** Chooses all from the tile where choosing began to this one. */
function chooseTo(tile) {
  const all = tiles();
  const from = all.findIndex((one) => one.dataset.tile === anchor);
  const to = all.indexOf(tile);
  if (from < 0) return choose(tile, true);
  for (const one of all.slice(Math.min(from, to), Math.max(from, to) + 1)) chosen.add(one.dataset.tile);
  show();
}

function tell(tile) {
  say(`${nameOf(tile)} ${chosen.has(tile.dataset.tile) ? "chosen" : "not chosen"}, ${chosen.size} in all`);
}

function chooseNone() {
  chosen.clear();
  show();
}

async function chooseAll() {
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  const answer = await fetch(`/library/ids?${query}`);
  if (!answer.ok) return say("They can't be chosen.", { trouble: true });
  for (const id of (await answer.json()).ids) chosen.add(String(id));
  show();
  say(`${chosen.size} chosen`);
}

rows.addEventListener("change", (event) => {
  const tile = event.target.nextElementSibling;
  if (tile?.dataset.tile) choose(tile, event.target.checked);
});
rows.addEventListener("click", (event) => {
  const box = event.target.closest("input[type=checkbox]");
  const tile = box?.nextElementSibling ?? event.target.closest("[data-tile]");
  if (!tile?.dataset.tile) return;
  if (event.shiftKey) {
    event.preventDefault();
    chooseTo(tile);
  } else if (!box && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    choose(tile);
  }
});
for (const [id, run] of [["choose-all", chooseAll], ["choose-none", chooseNone]]) document.getElementById(id).addEventListener("click", run);
document.getElementById("choose-all").hidden = false;

chosenForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  event.stopImmediatePropagation();
  const focused = document.activeElement?.closest("[data-tile]");
  const ids = chosen.size ? [...chosen] : focused ? [focused.dataset.tile] : [];
  const body = new URLSearchParams({ ids: ids.join(","), back: "/library" });
  await showDialog(event.submitter?.getAttribute("formaction") ?? chosenForm.getAttribute("action"), { method: "POST", body });
});

// Keys: one tile can be reached by Tab, the arrows go on from it

function rove(tile) {
  for (const one of tiles()) one.tabIndex = one === tile ? 0 : -1;
}

function columns() {
  const all = tiles();
  const next = all.findIndex((one) => one.offsetTop > all[0].offsetTop);
  return next < 0 ? all.length : next;
}

rows.addEventListener("focusin", (event) => {
  if (event.target.matches("[data-tile]")) rove(event.target);
});
rows.addEventListener("keydown", (event) => {
  const tile = event.target.closest("[data-tile]");
  if (!tile || event.altKey) return;
  const all = tiles();
  const at = all.indexOf(tile);
  const wide = columns();
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - wide, ArrowDown: at + wide, Home: 0, End: all.length - 1 }[event.key];
  if (to !== undefined && !event.ctrlKey) {
    event.preventDefault();
    const next = all[Math.min(all.length - 1, Math.max(0, to))];
    if (event.shiftKey) {
      anchor ??= tile.dataset.tile;
      chooseTo(next);
    }
    next.focus();
    if (event.shiftKey) tell(next);
  } else if (event.key === " ") {
    event.preventDefault();
    if (event.shiftKey) chooseTo(tile);
    else choose(tile);
    tell(tile);
  } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    chooseAll();
  } else if (event.key === "Escape" && chosen.size) {
    chooseNone();
    say("None chosen");
  }
});
key("x", "Choose this video, as Space does", () => document.activeElement?.matches("[data-tile]") && choose(document.activeElement));

// Pages

let above = []; // pages that were scrolled away upwards: their HTML, and how high they were
let below = [];
const pageSize = 48;

function spacer() {
  let found = rows.querySelector(".spacer");
  if (!found) {
    found = Object.assign(document.createElement("div"), { className: "spacer" });
    rows.querySelector(".tiles").before(found);
    watcher.observe(found);
  }
  return found;
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    if (entry.target.matches(".spacer")) back();
    else forth();
  }
}, { rootMargin: "800px" });

function height(list, number) {
  const before = list.offsetHeight;
  return { before, cut: () => before - list.offsetHeight, part: [...list.children].slice(...number) };
}

/** Takes tiles out of the document; returns them as text, and by how much the list became lower. */
function cut(list, from, to) {
  const { part, cut: lower } = height(list, [from, to]);
  const focused = part.some((one) => one.contains(document.activeElement));
  if (focused) return null;
  const html = part.map((one) => one.outerHTML).join("");
  for (const one of part) one.remove();
  return { html, height: lower() };
}

function again() {
  const link = rows.querySelector("[data-more]");
  if (link) {
    watcher.unobserve(link);
    watcher.observe(link);
  }
  const top = rows.querySelector(".spacer");
  if (top && above.length) {
    watcher.unobserve(top);
    watcher.observe(top);
  }
  show();
  rove(rows.querySelector("[data-tile][tabindex='0']") ?? tiles()[0]);
}

let coming = false;
async function forth() {
  const link = rows.querySelector("[data-more]");
  if (!link || coming) return;
  coming = true;
  const list = rows.querySelector(".tiles");
  let html = below.pop();
  if (html === undefined) {
    const found = await fetchPart(link.getAttribute("href"), {}, "cards");
    coming = false;
    if (!found || !list.isConnected) return;
    const part = new DOMParser().parseFromString(found.html, "text/html");
    html = { html: part.querySelector(".tiles").innerHTML, next: part.querySelector("[data-more]")?.getAttribute("href") ?? "" };
  }
  coming = false;
  list.insertAdjacentHTML("beforeend", html.html);
  link.dataset.shown = "";
  if (html.next) link.setAttribute("href", html.next);
  else link.parentElement.hidden = true;
  if (list.children.length > WINDOW * pageSize) {
    const gone = cut(list, 0, pageSize);
    if (gone) {
      above.push(gone);
      const top = spacer();
      top.style.height = `${(parseFloat(top.style.height) || 0) + gone.height}px`;
    }
  }
  again();
}

function back() {
  const page = above.pop();
  if (!page) return;
  const list = rows.querySelector(".tiles");
  const link = rows.querySelector("[data-more]");
  const top = spacer();
  list.insertAdjacentHTML("afterbegin", page.html);
  top.style.height = `${above.length ? Math.max(0, parseFloat(top.style.height) - page.height) : 0}px`;
  const last = list.children.length - ((list.children.length - 1) % pageSize) - 1;
  const next = link?.parentElement.hidden ? "" : link?.getAttribute("href") ?? "";
  const gone = list.children.length > WINDOW * pageSize ? cut(list, last, list.children.length) : null;
  if (gone && link) {
    below.push({ html: gone.html, next });
    link.parentElement.hidden = false;
  }
  again();
}

rows.addEventListener("filtered", begin);
function begin() {
  above = [];
  below = [];
  if (tiles().length) again();
}
rows.addEventListener("click", (event) => {
  if (event.target.closest("[data-more]") && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    forth();
  }
});

// Folders

document.getElementById("folders").addEventListener("click", async (event) => {
  const twist = event.target.closest("[data-folder]");
  const link = event.target.closest("[data-way]");
  if (twist) {
    const open = twist.ariaExpanded === "true";
    const list = twist.parentElement.querySelector("ul");
    if (open) list?.remove();
    else {
      const found = await fetchPart(`/library/folders?at=${encodeURIComponent(twist.dataset.folder)}`);
      if (!found) return;
      twist.parentElement.insertAdjacentHTML("beforeend", found.html);
    }
    twist.ariaExpanded = String(!open);
  } else if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    event.stopPropagation();
    form.elements.folder.value = link.dataset.way;
    for (const one of document.querySelectorAll("#folders [aria-current]")) one.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
    form.requestSubmit();
  }
});

for (const field of form.querySelectorAll("[data-options]")) {
  field.addEventListener("focus", async () => {
    const found = await fetchPart(field.dataset.options);
    if (found) replaceParts(found.html);
  }, { once: true });
}
if (matchMedia("(max-width: 56rem)").matches) document.querySelector(".folders").open = false;
scrubbing(rows);
begin();
