// The log as it is written: lines come to the top while the page is visible and Follow is on.
import { refresh } from "./parts.js";

const MOST_ROWS = 1000;
const form = document.getElementById("log-filter");
const wanted = document.getElementById("follow");
let source = null;

function listen() {
  source?.close();
  source = null;
  if (document.hidden || !wanted.checked) return;
  const fields = [...new FormData(form)].filter(([, value]) => value !== "");
  source = new EventSource(`/logs/events?${new URLSearchParams(fields)}`);
  source.addEventListener("open", (event) => event instanceof MessageEvent && refresh()); // what came meanwhile
  source.addEventListener("line", (event) => add(JSON.parse(event.data)));
}

function add({ id, html }) {
  const list = document.querySelector("#rows ul");
  if (!list || document.getElementById(id)) return;
  if (list.children.length >= MOST_ROWS) refresh();
  else list.insertAdjacentHTML("afterbegin", html);
}

form.addEventListener("input", () => setTimeout(listen, 300));
document.addEventListener("visibilitychange", listen);
listen();
