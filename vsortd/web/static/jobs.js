// Long work: looked at once a second while it goes on and the page is visible.
import { fetchPart, refresh, replaceParts } from "./parts.js";
import { say } from "./say.js";

const EVERY_MS = 700;
let timer = 0;

/** Follows the jobs that stand on the page. */
export function followJobs() {
  if (document.querySelector("[data-job]")) timer ||= setTimeout(look, EVERY_MS);
}

async function look() {
  timer = 0;
  if (document.hidden) return;
  for (const job of document.querySelectorAll("[data-job]")) {
    const found = await fetchPart(job.dataset.job);
    if (!found) job.removeAttribute("data-job");
    else replaceParts(found.html);
    const now = document.getElementById(job.id);
    if (found && now && !("job" in now.dataset)) {
      say((now.querySelector("[data-job-said]") ?? now).textContent.trim());
      now.dispatchEvent(new CustomEvent("job-ended", { bubbles: true }));
    }
  }
  followJobs();
}

document.addEventListener("visibilitychange", followJobs);
document.addEventListener("job-ended", () => {
  if (document.querySelector("[data-items]")) refresh(); // where items are listed, what became of them is shown
});
