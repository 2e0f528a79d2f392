// Video: keys of the player, the ruler of frames, and the timeline that follows the playhead.
import { key } from "./keys.js";
import { fetchPart, place } from "./parts.js";
import { clock, frameOf, showFrame } from "./scrub.js";

const player = document.getElementById("player");
const timeline = document.getElementById("timeline");
const ruler = document.getElementById("ruler");

function seek(seconds) {
  if (!player) return;
  const begun = performance.now();
  player.addEventListener("seeked", () => { player.dataset.tookMs = performance.now() - begun; }, { once: true });
  player.currentTime = Math.min(player.duration || Infinity, Math.max(0, seconds));
}

if (player) {
  const frame = 1 / Number(player.dataset.fps);
  const step = (by) => { player.pause(); seek(player.currentTime + by * frame); };
  key(" ", "Play or pause", () => (player.paused ? player.play() : player.pause()));
  for (const [name, what, by] of [["ArrowLeft", "5 seconds back", -5], ["ArrowRight", "5 seconds on", 5], ["j", "10 seconds back", -10], ["l", "10 seconds on", 10]]) key(name, what, () => seek(player.currentTime + by));
  key(",", "One frame back", () => step(-1));
  key(".", "One frame on", () => step(1));
  for (const name of ["timeupdate", "seeked", "loadedmetadata"]) player.addEventListener(name, follow);
  const asked = /^#t=([\d.]+)/.exec(location.hash);
  if (asked) seek(Number(asked[1]));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-begin]");
  if (link && player) {
    event.preventDefault();
    seek(Number(link.dataset.begin));
    link.closest("dialog")?.close();
  }
  const like = event.target.closest("#like-it");
  if (like && player) like.href = like.href.replace(/@[\d.]+$/, `@${player.currentTime.toFixed(3)}`);
}, { capture: true });

/** Draws where things are on the line of time; without this they are links in a list. */
function draw() {
  for (const tracks of document.querySelectorAll(".tracks:not(.drawn)")) {
    const duration = Number(tracks.dataset.duration);
    tracks.classList.add("drawn");
    for (const link of tracks.querySelectorAll("[data-end]")) {
      const [begin, end] = [Number(link.dataset.begin), Number(link.dataset.end)];
      link.parentElement.style.insetInlineStart = `${(begin / duration) * 100}%`;
      link.parentElement.style.width = `${((end - begin) / duration) * 100}%`;
    }
    for (const line of tracks.querySelectorAll(".spans, .loudness")) {
      line.addEventListener("click", (event) => {
        if (event.target.closest("a")) return;
        const box = line.getBoundingClientRect();
        seek(((event.clientX - box.left) / box.width) * duration);
      });
    }
  }
  follow();
}

/** Shows the scores of the frame that is shown. */
function follow() {
  const now = player?.currentTime ?? 0;
  for (const tracks of document.querySelectorAll(".tracks.drawn")) {
    tracks.style.setProperty("--at", Math.min(1, now / Number(tracks.dataset.duration)));
    if (!tracks.dataset.times) continue;
    const times = (tracks.times ??= tracks.dataset.times.split(",").map(Number));
    const at = nearest(times, now * 1000);
    for (const row of tracks.querySelectorAll("[data-scores]")) {
      const scores = (row.scores ??= row.dataset.scores.split(",").map(Number));
      const meter = row.querySelector("meter");
      meter.hidden = false;
      meter.value = scores[at];
      meter.title = `${scores[at]} %`;
    }
  }
}

function nearest(times, now) {
  let [low, high] = [0, times.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < now) low = middle + 1;
    else high = middle;
  }
  return low && now - times[low - 1] < times[low] - now ? low - 1 : low;
}

async function showTimeline(address) {
  const found = await fetchPart(address);
  if (!found) return;
  place(timeline, found.html);
  draw();
}

document.addEventListener("job-ended", (event) => {
  if (event.target.dataset.jobState !== "done") return;
  const result = event.target.querySelector("[data-job-result]");
  if (event.target.closest("#timeline") && result) {
    history.replaceState(null, "", result.getAttribute("href"));
    showTimeline(result.getAttribute("href").replace(/^(\/videos\/\d+)/, "$1/timeline"));
  } else location.reload();
});

async function drawRuler() {
  const answer = await fetch(`/sprite/${ruler.dataset.id}/times?instead`);
  if (!answer.ok || !answer.headers.get("content-type").includes("json")) return;
  const times = await answer.json();
  for (const [number, seconds] of times.times_s.entries()) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "frame", tabIndex: number ? -1 : 0 });
    const frame = frameOf(ruler.dataset.id, times);
    showFrame(frame, times, number);
    button.append(frame, Object.assign(document.createElement("span"), { textContent: clock(seconds) }));
    button.addEventListener("click", () => seek(seconds));
    const one = document.createElement("li");
    one.append(button);
    ruler.append(one);
  }
}

ruler?.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by) return;
  event.preventDefault();
  event.stopPropagation();
  const all = [...ruler.querySelectorAll("button")];
  const next = all[Math.min(all.length - 1, Math.max(0, all.indexOf(event.target) + by))];
  for (const one of all) one.tabIndex = one === next ? 0 : -1;
  next.focus();
});

if (ruler) drawRuler();
draw();
if (timeline?.dataset.ready) showTimeline(timeline.dataset.ready);
