// Rules: what is typed changes the text, and what that would change is shown when one pauses.
import { number } from "./editor.js";
import { enliven } from "./page.js";
import { fetchPart, replaceParts } from "./parts.js";

const PAUSE_MS = 200;
const form = document.querySelector("[data-rules]");
const area = document.getElementById("text");
let waiting = 0;
let running = null; // what is asked just now: called off by the next key

function ask(address, fields) {
  return fetchPart(address, { method: "POST", body: fields, signal: running.signal });
}

/** Takes in what the fields and a button change, then asks what that would change; parts that are typed in stay. */
async function take(submitter) {
  clearTimeout(waiting);
  running?.abort();
  running = new AbortController();
  const mine = running;
  const sent = area.value;
  const fields = new URLSearchParams([...new FormData(form, submitter)]);
  const found = await ask("/rules/draft", fields);
  if (mine !== running || !found) return;
  if (area.value !== sent) return void take(); // typed into the YAML meanwhile
  show(found.html, submitter);
  await preview();
}

function show(html, submitter) {
  const come = new DOMParser().parseFromString(html, "text/html");
  const text = come.getElementById("draft-text").value;
  if (area.value !== text) area.value = text;
  number();
  const typing = !submitter && document.activeElement?.closest("#rule");
  if (typing && come.getElementById("was")) {
    document.getElementById("was").value = come.getElementById("was").value;
    document.getElementById("rule-title").replaceWith(come.getElementById("rule-title"));
    come.getElementById("rule").remove();
  }
  if (!submitter) keepTyped(come);
  replaceParts(come.body.innerHTML);
}

/** Keeps what is typed of a new rule. */
function keepTyped(come) {
  const name = document.getElementById("new-name");
  if (name?.value) come.getElementById("new-name").setAttribute("value", name.value);
}

/** Shows what the text would change. */
async function preview() {
  running ??= new AbortController();
  const mine = running;
  const began = performance.now();
  document.getElementById("preview").setAttribute("aria-busy", "true");
  const found = await ask("/rules/preview", new URLSearchParams({ text: area.value }));
  if (mine !== running) return;
  if (found) {
    replaceParts(found.html);
    form.dataset.previewMs = Math.round(performance.now() - began);
  } else document.getElementById("preview").removeAttribute("aria-busy");
  form.dataset.previewed = Number(form.dataset.previewed ?? 0) + 1;
}

form.addEventListener("input", (event) => {
  if (event.target.matches("#new-name, [name=new_below]")) return;
  running?.abort();
  clearTimeout(waiting);
  waiting = setTimeout(() => take(), PAUSE_MS);
});
form.addEventListener("submit", (event) => {
  if (event.submitter?.matches("#save")) {
    leaving = true;
    return;
  }
  event.preventDefault();
  if (document.activeElement?.id === "new-name") take(document.getElementById("add"));
  else take(event.submitter);
});
document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-begins]")) return;
  event.preventDefault();
  const fields = new URLSearchParams([...new FormData(event.target)]);
  const found = await fetchPart(event.target.getAttribute("action"), { method: "POST", body: fields });
  if (!found) return;
  document.getElementById("dialog").close();
  const job = new DOMParser().parseFromString(found.html, "text/html").querySelector(".job");
  document.getElementById(job.id)?.remove(); // pressed twice
  document.getElementById("preview").before(job);
  enliven(document);
});
const first = "changed" in form.dataset ? null : area.value;
let leaving = false;
document.getElementById("over").addEventListener("click", () => { leaving = true; });
window.addEventListener("beforeunload", (event) => {
  if (!leaving && area.value !== first) event.preventDefault();
});
document.addEventListener("job-ended", () => preview());
preview();
