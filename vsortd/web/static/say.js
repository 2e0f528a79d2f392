// Says what was done, for eyes and screen readers alike.
const LASTING_MS = 7000;

/** Says a sentence politely; trouble is said at once, and stays longer. */
export function say(text, { trouble = false } = {}) {
  const line = document.getElementById(trouble ? "alert-line" : "status-line");
  if (!line || !text) return;
  const told = document.createElement("p");
  told.textContent = text;
  line.append(told);
  while (line.children.length > 3) line.firstChild.remove();
  setTimeout(() => told.remove(), trouble ? 2 * LASTING_MS : LASTING_MS);
}
