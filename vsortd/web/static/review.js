// Review: the next video is there before it is asked for, and a decision is sent while it is already shown.
import { enliven } from "./page.js";
import { fetchPart } from "./parts.js";
import { findRules } from "./find-rules.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");
const again = new Set(["1", "2", "3", "4", "5", "6", "7", "8", "9", "x", "s", "u"]);
let ahead = null; // what comes after the card that is shown, when it is there
let sent = Promise.resolve(); // the decisions, one after the other
let going = false;

const card = () => document.getElementById("card");

/** Makes a card, apart from the page, of its HTML; its video begins to load. */
function cardOf(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const made = document.importNode(template.content.querySelector("#card"), true);
  made.querySelector("video")?.load();
  return made;
}

async function fetchAhead(address) {
  const found = await fetchPart(address, {}, "card");
  if (!found) return null;
  const made = cardOf(found.html);
  fillIn(made);
  return made;
}

/** Fetches the frames of a card, and how many look like it. */
async function fillIn(made) {
  if (!made.dataset.more) return;
  const found = await fetchPart(made.dataset.more, {}, "more");
  if (!found) return;
  const template = document.createElement("template");
  template.innerHTML = found.html;
  for (const part of [...template.content.children]) {
    made.querySelector(`#${part.id}`)?.replaceWith(part);
    if (made.isConnected) enliven(part.parentElement);
  }
}

function begin() {
  const film = document.getElementById("film");
  const now = card();
  ahead = now.dataset.next ? fetchAhead(now.dataset.next) : null;
  findRules(now.querySelector("[data-find]"));
  if (!film) return;
  film.loop = !still.matches;
  film.addEventListener("error", cannotPlay);
  if (film.error) cannotPlay();
  if (!still.matches) film.play().catch(() => {});
}

function cannotPlay() {
  document.getElementById("film").hidden = true;
  const offer = document.getElementById("no-film");
  if (offer) offer.hidden = false;
}

function show(next) {
  const now = card();
  const had = now.contains(document.activeElement) || document.activeElement === document.body;
  now.replaceWith(next);
  for (const one of now.querySelectorAll("[src]")) one.removeAttribute("src"); // what still loads is asked for in vain
  now.querySelector("video")?.load();
  enliven(next);
  history.replaceState(null, "", next.dataset.here);
  if (had) next.focus({ preventScroll: true });
  begin();
}

/** Goes on to the next card, which is there already unless somebody is very quick. */
async function goOn() {
  if (going || !card().dataset.next) return;
  going = true;
  const next = (await ahead) ?? (await fetchAhead(card().dataset.next));
  going = false;
  if (next) show(next);
}

function send(address, body) {
  sent = sent.then(() => fetchPart(address, { method: "POST", body, keepalive: true }));
  return sent;
}

async function undo() {
  const found = await send("/review/undo", new URLSearchParams());
  if (!found?.html) return;
  const back = cardOf(found.html);
  show(back);
  fillIn(back);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-undo-last]")) {
    event.preventDefault();
    undo();
  } else if (form.matches("[data-decide]")) {
    event.preventDefault();
    if (going) return;
    const fields = new URLSearchParams([...new FormData(form, event.submitter)]);
    send(form.action, fields);
    goOn();
  }
});

document.addEventListener("click", (event) => {
  const later = event.target.closest("[data-later]");
  const seek = event.target.closest("[data-seek]");
  if (later && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    goOn();
  } else if (seek) {
    const film = document.getElementById("film");
    film.pause();
    film.currentTime = Number(seek.dataset.seek);
  } else if (event.target.id === "film" && !event.detail) { // by its key
    if (event.target.paused) event.target.play();
    else event.target.pause();
  }
});

// a key that is held down decides once
addEventListener("keydown", (event) => {
  if (event.repeat && again.has(event.key) && !event.target.closest("input, select, textarea")) event.stopImmediatePropagation();
}, { capture: true });

document.addEventListener("job-ended", async (event) => {
  const dialog = document.getElementById("dialog");
  const copy = event.target.closest(".watch") && event.target.querySelector("[data-job-result]");
  if (copy) {
    const film = document.getElementById("film");
    film.src = copy.getAttribute("href");
    film.hidden = false;
    event.target.remove();
    if (!still.matches) film.play().catch(() => {});
  }
  if (!dialog.contains(event.target)) return;
  dialog.close();
  const next = await fetchAhead(card().dataset.here);
  if (next) show(next);
});

fillIn(card());
begin();
