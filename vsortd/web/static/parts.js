// Forms and links that change a part of the page in place of the whole; without this script they load pages.
import { say } from "./say.js";

let enliven = () => {};
const WAIT_MS = 150;

/** Takes over the forms and links of the page; `whenCome` gives life to each part that comes. */
export function take(whenCome) {
  enliven = whenCome;
}

/** Fetches a part: its HTML, or null where that failed, which is said. */
export async function fetchPart(address, options = {}, part = "1") {
  let answer, html; // the body, too, may be called off
  try {
    answer = await fetch(address, { ...options, headers: { ...options.headers, "X-Fragment": part } });
    html = await answer.text();
  } catch (error) {
    if (error.name !== "AbortError") say("vsortd does not answer.", { trouble: true });
    return null;
  }
  if (answer.status === 401) {
    location.assign(`/enter?to=${encodeURIComponent(location.pathname + location.search)}`);
    return null;
  }
  if (!answer.ok) {
    say(textOf(html) || `vsortd answered ${answer.status}.`, { trouble: true });
    return null;
  }
  const said = answer.headers.get("X-Said");
  if (said) say(decodeURIComponent(said));
  const go = answer.headers.get("X-Go");
  if (go) location.assign(go);
  return { html, changed: answer.headers.get("X-Changed") };
}

function textOf(html) {
  return new DOMParser().parseFromString(html, "text/html").body.textContent.replace(/\s+/g, " ").trim();
}

/** Puts the parts of some HTML in the place of those with the same ids, where they differ; the focus stays. */
export function replaceParts(html) {
  const focus = document.activeElement?.id;
  const come = new DOMParser().parseFromString(html, "text/html").body;
  for (const part of [...come.children]) {
    const here = part.id && document.getElementById(part.id);
    if (!here || here.isEqualNode(part)) continue;
    here.replaceWith(part);
    enliven(part);
  }
  if (focus && document.activeElement?.id !== focus) document.getElementById(focus)?.focus({ preventScroll: true });
}

/** Fetches anew what the page shows of items. */
export async function refresh() {
  const live = document.querySelector("[data-live]");
  if (live) {
    const found = await fetchPart(live.dataset.live);
    if (found) replaceParts(found.html);
  }
  const form = document.querySelector("form[data-filter]");
  if (form) await filter(form, { keep: true });
}

/** Puts HTML into an element, and gives life to it. */
export function place(into, html) {
  into.innerHTML = html;
  enliven(into);
}

let running = null;
let waiting = 0;

/** Shows what fits a form of filters, and says so in the address. */
async function filter(form, { keep = false } = {}) {
  const fields = [...new FormData(form)].filter(([, value]) => value !== "");
  const query = new URLSearchParams(fields).toString();
  const address = form.getAttribute("action") + (query ? `?${query}` : "");
  running?.abort();
  running = new AbortController();
  const begun = performance.now();
  const list = document.querySelector(form.dataset.filter);
  const resume = stopPictures(list); // they would hold the connections that the answer comes by
  const found = await fetchPart(address, { signal: running.signal, priority: "high" }, form.dataset.part);
  if (!found) return resume();
  place(list, found.html);
  form.dataset.tookMs = performance.now() - begun;
  list.dispatchEvent(new CustomEvent("filtered"));
  if (!keep && !("keep" in form.dataset)) history.replaceState(null, "", address);
}

/** Calls off the pictures of a part that haven't come; returns what asks for them again. */
function stopPictures(part) {
  const stopped = [...part.querySelectorAll("img[src]")].filter((one) => !one.complete).map((one) => [one, one.src]);
  for (const [one] of stopped) one.removeAttribute("src");
  return () => { for (const [one, src] of stopped) one.src = src; };
}

/** Lets go of what was typed into a form of filters and isn't shown yet. */
export function stopFiltering() {
  clearTimeout(waiting);
  running?.abort();
}

/** Shows a part in the dialog. */
export async function showDialog(address, options = {}) {
  const found = await fetchPart(address, options);
  if (!found) return;
  const dialog = document.getElementById("dialog");
  dialog.innerHTML = found.html;
  enliven(dialog);
  if (!dialog.open) dialog.showModal();
}

async function submit(form, submitter) {
  const fields = new URLSearchParams([...new FormData(form, submitter)]);
  const had = form.contains(document.activeElement);
  if (submitter) submitter.disabled = true;
  const action = submitter?.getAttribute("formaction") ?? form.getAttribute("action");
  const found = await fetchPart(action, { method: "POST", body: fields });
  if (submitter?.isConnected) submitter.disabled = false;
  if (!found) return;
  if (form.dataset.remove) removeKeepingFocus(document.querySelector(form.dataset.remove));
  if (form.dataset.update) {
    const target = document.querySelector(form.dataset.update);
    const after = document.createRange().createContextualFragment(found.html.trim());
    const come = after.firstElementChild;
    target.replaceWith(after);
    enliven(come?.parentElement ?? document);
    if (had) come?.querySelector("button, a")?.focus();
  }
  if ("close" in form.dataset) document.getElementById("dialog").close();
  if ("quiet" in form.dataset || found.changed) await refresh();
}

/** Removes a row; the focus goes to its neighbour. */
function removeKeepingFocus(row) {
  if (!row) return;
  const next = row.nextElementSibling ?? row.previousElementSibling;
  const had = row.contains(document.activeElement);
  row.remove();
  if (had) (next?.querySelector("button, a") ?? document.getElementById("main")).focus();
}

const handled = "[data-quiet], [data-remove], [data-update], [data-close]";
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("form[data-filter]")) {
    event.preventDefault();
    filter(form);
  } else if (form.matches("form[data-dialog-form]")) {
    event.preventDefault();
    showDialog(`${form.getAttribute("action")}?${new URLSearchParams([...new FormData(form)])}`);
  } else if (form.method === "post" && form.matches(handled) && (!("close" in form.dataset) || form.closest("dialog"))) {
    event.preventDefault();
    submit(form, event.submitter);
  }
});

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-filter]");
  if (!form) return;
  const chosen = event.target.matches("select, [type=checkbox], [type=range]");
  // where answers take long, words wait for Enter
  if (!chosen && Number(form.dataset.tookMs) > Number(form.dataset.quickMs ?? Infinity)) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => filter(form), chosen && event.target.type !== "range" ? 0 : WAIT_MS);
});

document.addEventListener("click", async (event) => {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest("a");
  if (!link) return;
  if (link.matches("[data-cancel]") && link.closest("dialog")) {
    event.preventDefault();
    link.closest("dialog").close();
  } else if (link.matches("[data-dialog]")) {
    event.preventDefault();
    await showDialog(link.getAttribute("href"));
  } else if (link.matches("[data-next]")) {
    event.preventDefault();
    const found = await fetchPart(link.getAttribute("href"), {}, link.dataset.next);
    if (!found) return;
    const part = new DOMParser().parseFromString(found.html, "text/html").body;
    const list = link.closest("[data-rows]").querySelector("ul, [role=grid], .grid");
    const rows = part.querySelector("ul, [role=grid], .grid");
    const more = part.querySelector("[data-next]");
    if (rows) list.append(...rows.children);
    link.parentElement.replaceWith(...(more ? [more.parentElement] : []));
    enliven(list.closest("[data-rows]"));
  }
});
