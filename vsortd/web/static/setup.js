// The setup: folders are offered as they are typed, and what a trial shows comes by itself.
import { fetchPart } from "./parts.js";

let running = null;

document.addEventListener("input", async (event) => {
  const field = event.target;
  if (!field.matches("[data-folders]")) return;
  running?.abort();
  running = new AbortController();
  const query = new URLSearchParams({ begin: field.value });
  const found = await fetchPart(`${field.dataset.folders}?${query}`, { signal: running.signal });
  if (found) field.list.innerHTML = found.html;
});

document.addEventListener("job-ended", (event) => event.target.querySelector("[data-job-result]")?.click());
