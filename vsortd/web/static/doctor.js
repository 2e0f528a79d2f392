// Copies what a check found, or what to do about it.
import { say } from "./say.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent.trim());
    say("Copied.");
  } catch {
    say("The browser does not let it be copied.", { trouble: true });
  }
});
