// What happens while somebody looks: events of the daemon, asked for only while the page is visible.
import { refresh } from "./parts.js";
import { say } from "./say.js";

const TOGETHER_MS = 400; // what happens within this time is shown, and said, together
const EACH_MS = 3000; // while much happens it is shown so often: looking takes of the time that filing has
const SAID_EACH = 3;
let source = null;
const WORK_MS = 2000; // what is in work is looked at again after so long: nobody tells how far it is
let waiting = 0;
let again = 0;
let shown = 0; // when it was shown last
let outcomes = [];

/** Follows the daemon's events where the page shows something live. */
export function follow() {
  if (!document.querySelector("[data-live]")) return;
  document.addEventListener("visibilitychange", listen);
  listen();
}

function listen() {
  source?.close();
  source = null;
  if (document.hidden) return;
  source = new EventSource("/events");
  source.addEventListener("status", soon);
  source.addEventListener("item", (event) => {
    outcomes.push(JSON.parse(event.data));
    soon();
  });
}

function soon() {
  waiting ||= setTimeout(tell, Math.max(TOGETHER_MS, shown + EACH_MS - performance.now()));
}

async function tell() {
  waiting = 0;
  const told = outcomes;
  outcomes = [];
  for (const item of told.slice(0, SAID_EACH)) say(sentence(item));
  if (told.length > SAID_EACH) say(`${told.length - SAID_EACH} more videos.`);
  await refresh();
  shown = performance.now();
  clearTimeout(again);
  if (source && document.querySelector("[data-live] :is(progress, [data-loading])")) again = setTimeout(() => source && soon(), WORK_MS);
}

function sentence(item) {
  const name = (item.source ?? "").split(/[\\/]/).pop();
  if (item.state === "filed") return `${name} filed as ${item.rule}, undo with u`;
  if (item.state === "review") return `${name} waits for review`;
  return `${name}: ${item.state}`;
}
