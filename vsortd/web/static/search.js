// Search: an address begins to be fetched by Enter, photos become examples, and hits have keys.
import { key } from "./keys.js";
import { fetchPart, place, showDialog, stopFiltering } from "./parts.js";
import { say } from "./say.js";

const form = document.getElementById("search");
const results = document.getElementById("results");
const floor = form.elements.floor;
const usual = floor.getAttribute("max") / 2;

/** Says what was found to who doesn't see it. */
function tell() {
  const summary = results.querySelector("[data-summary]");
  if (summary) document.getElementById("results-said").textContent = summary.textContent.replace(/\s+/g, " ").trim();
}

results.addEventListener("filtered", tell);
floor.addEventListener("input", () => { document.getElementById("floor-shown").textContent = `${floor.value} %`; });
form.addEventListener("formdata", (event) => {
  if (Number(floor.value) === usual) event.formData.delete("floor");
});

form.addEventListener("submit", async (event) => {
  if (!/(^|\s)[a-z][a-z0-9+.-]+:\/\//i.test(form.elements.q.value)) return;
  event.preventDefault();
  event.stopPropagation(); // it is no question yet
  stopFiltering();
  const found = await fetchPart("/search/fetch", { method: "POST", body: new URLSearchParams({ q: form.elements.q.value }) });
  if (found) place(results, found.html);
});
document.addEventListener("job-ended", (event) => {
  const link = event.target.querySelector("[data-job-result]");
  if (link?.pathname === "/search") location.assign(link.href);
  const played = link?.pathname.startsWith("/copy/") && link.closest("[data-played]");
  if (played) showDialog(played.dataset.played);
});

async function searchLike(file) {
  if (!file?.type.startsWith("image/")) return;
  say("Looking at the photo.");
  const answer = await fetch(`/search/photo?${new URLSearchParams([...new FormData(form)].filter(([name, value]) => name !== "q" && typeof value === "string" && value))}`, { method: "POST", body: file });
  const told = await answer.json();
  if (told.ok) location.assign(told.address);
  else say([told.error, told.remedy].filter(Boolean).join(" "), { trouble: true });
}
document.getElementById("photo").addEventListener("change", (event) => searchLike(event.target.files[0]));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  searchLike(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) searchLike(event.clipboardData.files[0]);
});

for (const [name, what, part] of [["p", "Play this hit", "play"], ["l", "Search by this moment", "like"], ["c", "Cut this scene out", "cut"]]) {
  key(name, what, () => (document.activeElement?.closest(".hit") ?? results).querySelector(`[data-hit-${part}]`)?.click());
}

// The moment that is searched by is the one that is shown.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-like-shown]");
  const player = link && document.querySelector("[data-player]");
  if (player?.currentTime) link.href = `/search?like=${player.dataset.id}@${player.currentTime.toFixed(3)}`;
}, true);
document.getElementById("dialog").addEventListener("close", (event) => event.target.querySelector("[data-player]")?.remove());
