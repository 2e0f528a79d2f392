// The editor of the config: line numbers as it is typed, the check when one pauses, and the way from a mistake to its line.
import { fetchPart, replaceParts } from "./parts.js";

const PAUSE_MS = 600;
const editor = document.querySelector("[data-editor]");
const area = editor?.querySelector("textarea");
let waiting = 0;

/** Numbers the lines; the marks of those that are there stay. */
export function number() {
  const lines = area.value.split("\n").length;
  const gutter = document.getElementById("gutter");
  area.rows = lines + 1;
  while (gutter.children.length > lines) {
    gutter.lastElementChild.nextSibling?.remove();
    gutter.lastElementChild.remove();
  }
  for (let line = gutter.children.length + 1; line <= lines; line++) {
    gutter.append(Object.assign(document.createElement("span"), { textContent: line }), "\n");
  }
}

async function check() {
  const text = area.value;
  const found = await fetchPart(editor.dataset.editor, { method: "POST", body: new URLSearchParams({ text }) });
  if (found && text === area.value) replaceParts(found.html);
}

/** Puts the caret on a line, counted from 1. */
function showLine(line) {
  const lines = area.value.split("\n");
  const from = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  area.closest("details")?.setAttribute("open", "");
  area.focus();
  area.setSelectionRange(from, from + (lines[line - 1] ?? "").length);
  document.getElementById("gutter").children[line - 1]?.scrollIntoView({ block: "center" });
}

if (area) {
  area.addEventListener("input", () => {
    number();
    clearTimeout(waiting);
    if (editor.dataset.editor) waiting = setTimeout(check, PAUSE_MS);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-line]");
    if (!link) return;
    event.preventDefault();
    showLine(Number(link.dataset.line));
  });
}
