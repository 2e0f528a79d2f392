// What every view has: keys, forms that don't reload the page, dialogs, what is said, and what happens live.
import { bindKeys, showKeys } from "./keys.js";
import { followJobs } from "./jobs.js";
import { follow } from "./live.js";
import { take } from "./parts.js";

document.documentElement.classList.add("scripted");

/** Gives life to what stands in an element: a whole page, or a part that came later. */
export function enliven(root) {
  bindKeys(root);
  followJobs();
  for (const more of root.querySelectorAll("[data-next]")) whenSeen(more);
}

/** Fetches the next rows when the link to them comes into sight. */
function whenSeen(link) {
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    link.click();
  }, { rootMargin: "600px" }).observe(link);
}

const code = location.pathname === "/enter" && location.hash.slice(1);
if (code) {
  history.replaceState(null, "", location.pathname + location.search);
  const form = document.getElementById("code-form");
  form.elements.code.value = code;
  form.requestSubmit();
}
const button = document.querySelector("[data-show-keys]");
if (button) {
  button.hidden = false;
  button.addEventListener("click", showKeys);
}
take(enliven);
enliven(document);
follow();
